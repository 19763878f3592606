"""grpcio: the thread pool of a server."""

import pytest
from conftest import on_our_thread

grpc = pytest.importorskip("grpc")


def double(request, context):
    assert on_our_thread()
    return request * 2


def count(request, context):
    for number in range(int(request)):
        assert on_our_thread()
        yield str(number).encode()


def refuse(request, context):
    assert on_our_thread()
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")


@pytest.fixture
def channel(executor):
    server = grpc.server(executor)
    methods = {  # bytes in, bytes out: what code generated from a .proto registers, without the (de)serializers
        "Double": grpc.unary_unary_rpc_method_handler(double),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Numbers", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    server.stop(grace=None).wait()


def test_calls(channel):
    call = channel.unary_unary("/Numbers/Double")
    futures = [call.future(b"%d," % number) for number in range(100)]
    assert [future.result(20) for future in futures] == [b"%d," % number * 2 for number in range(100)]


def test_a_stream(channel):
    assert list(channel.unary_stream("/Numbers/Count")(b"5")) == [b"0", b"1", b"2", b"3", b"4"]


def test_an_error(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/Numbers/Refuse")(b"")
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.PERMISSION_DENIED, "not you")
