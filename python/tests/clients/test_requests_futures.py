"""requests-futures: the executor of a session."""

import concurrent.futures
import http.server
import threading

import pytest
from conftest import on_our_thread

requests_futures = pytest.importorskip("requests_futures.sessions")


class EchoPath(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EchoPath) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_session(address, executor):
    def note_thread(response, **_):
        response.is_ours = on_our_thread()

    with requests_futures.FuturesSession(executor=executor) as session:
        futures = [session.get(f"{address}/{number}", hooks={"response": note_thread}) for number in range(40)]
        responses = [future.result() for future in concurrent.futures.as_completed(futures, timeout=30)]
    assert {response.text for response in responses} == {f"/{number}" for number in range(40)}
    assert all(response.is_ours for response in responses)
