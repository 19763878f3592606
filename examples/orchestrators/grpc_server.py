#!/usr/bin/env python3
"""gRPC: a server whose handlers wait for another service. grpc.server() takes the pool as it is."""

import grpc
from betapool import AdaptiveThreadPoolExecutor
from upstream import get, upstream

CALLS = 400


class Lookup:
    """What code generated from a .proto would register, without its messages: bytes in, bytes out."""

    def __init__(self, address):
        self.address = address

    def find(self, request, context):
        if not request:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "find what?")
        return str(get(f"{self.address}/{request.decode()}")["path"]).encode()

    def find_each(self, requests, context):
        for request in requests:  # a stream holds its thread from the first message to the last
            yield self.find(request, context)

    def handlers(self):
        methods = {
            "Find": grpc.unary_unary_rpc_method_handler(self.find),
            "FindEach": grpc.stream_stream_rpc_method_handler(self.find_each),
        }
        return grpc.method_handlers_generic_handler("Lookup", methods)


def main():
    with upstream() as address, AdaptiveThreadPoolExecutor(thread_name_prefix="grpc") as pool:
        server = grpc.server(pool)  # was: grpc.server(ThreadPoolExecutor(max_workers=10))
        server.add_generic_rpc_handlers([Lookup(address).handlers()])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            find = channel.unary_unary("/Lookup/Find")
            calls = [find.future(b"%d" % number) for number in range(CALLS)]
            streams = [channel.stream_stream("/Lookup/FindEach")(iter([b"a", b"b", b"c"])) for _ in range(8)]
            assert [call.result(60) for call in calls] == [b"/%d" % number for number in range(CALLS)]
            assert all(list(stream) == [b"/a", b"/b", b"/c"] for stream in streams)
            try:
                find(b"")
            except grpc.RpcError as error:
                print(f"an empty request: {error.code().name}, {error.details()}")
        server.stop(grace=None).wait()
        stats = pool.stats()
    print(f"{CALLS} calls and 8 streams: {stats.threads_started} threads")


if __name__ == "__main__":
    main()
