"""boto3 and s3transfer: the pools that move the parts of large objects, against an S3 on loopback."""

import io
import random

import pytest
from conftest import on_our_thread

from betapool import AdaptiveThreadPoolExecutor

boto3 = pytest.importorskip("boto3")
transfer = pytest.importorskip("boto3.s3.transfer")
s3transfer_futures = pytest.importorskip("s3transfer.futures")
manager = pytest.importorskip("s3transfer.manager")
subscribers = pytest.importorskip("s3transfer.subscribers")
moto = pytest.importorskip("moto.server")

MEGABYTE = 1 << 20
CONFIG = transfer.TransferConfig(multipart_threshold=5 * MEGABYTE, multipart_chunksize=5 * MEGABYTE)
CONTENT = random.Random(1).randbytes(11 * MEGABYTE)  # three parts


@pytest.fixture
def client():
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()
    server.stop()


class NoteThreads(subscribers.BaseSubscriber):
    """Is told of bytes moved, by the thread that moves them."""

    def __init__(self):
        self.are_ours = set()

    def on_progress(self, **_):
        self.are_ours.add(on_our_thread())


def test_transfer_manager(client):
    threads, downloaded = NoteThreads(), io.BytesIO()
    with manager.TransferManager(client, CONFIG, executor_cls=AdaptiveThreadPoolExecutor) as transfers:
        transfers.upload(io.BytesIO(CONTENT), "bucket", "key", subscribers=[threads]).result()
        transfers.download("bucket", "key", downloaded, subscribers=[threads]).result()
    assert downloaded.getvalue() == CONTENT
    assert threads.are_ours == {True}


def test_upload_and_download_of_a_client(client, monkeypatch):
    # boto3 makes the manager itself and passes no class on, so the default of s3transfer is changed.
    monkeypatch.setattr(s3transfer_futures.BoundedExecutor, "EXECUTOR_CLS", AdaptiveThreadPoolExecutor)
    are_ours, downloaded = set(), io.BytesIO()
    client.upload_fileobj(io.BytesIO(CONTENT), "bucket", "key", Config=CONFIG, Callback=lambda _: are_ours.add(on_our_thread()))
    client.download_fileobj("bucket", "key", downloaded, Config=CONFIG, Callback=lambda _: are_ours.add(on_our_thread()))
    assert downloaded.getvalue() == CONTENT
    assert are_ours == {True}
