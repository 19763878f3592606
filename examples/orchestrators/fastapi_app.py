#!/usr/bin/env python3
"""FastAPI under uvicorn: endpoints that block, on threads that BetaPool counts.

`async def` endpoints hand their blocking call to the loop's default executor, which is a BetaPool.
`def` endpoints run on threads of anyio, which has no place for an executor but a limit that may be moved: a Controller, which sees those
threads while they are in an endpoint, moves it.
"""

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import uvicorn
from betapool import AdaptiveThreadPoolExecutor, Controller
from fastapi import FastAPI
from upstream import get, upstream

REQUESTS = 400


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.pool = AdaptiveThreadPoolExecutor(thread_name_prefix="endpoints")
    asyncio.get_running_loop().set_default_executor(app.state.pool)
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 4
    app.state.limits = []

    async def steer():
        while True:
            await asyncio.sleep(0.1)
            limiter.total_tokens = controller.tick(limiter.statistics().tasks_waiting).threads
            app.state.limits.append(limiter.total_tokens)

    steering = asyncio.create_task(steer())
    yield
    steering.cancel()


app = FastAPI(lifespan=lifespan)
controller = Controller(min_threads=4, max_threads=64, policy="adaptive", interval=0.1)


@app.get("/awaited/{item}")
async def awaited(item: str):
    return await asyncio.get_running_loop().run_in_executor(None, get, f"{app.state.upstream}/{item}")


@app.get("/blocking/{item}")
def blocking(item: str):
    with controller.task():
        return get(f"{app.state.upstream}/{item}")


def main():
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    with upstream() as app.state.upstream, ThreadPoolExecutor(64) as clients:
        thread = threading.Thread(target=server.run)
        thread.start()
        while thread.is_alive() and not server.started:
            threading.Event().wait(0.01)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        for kind in ("awaited", "blocking"):
            answers = clients.map(lambda item, kind=kind: get(f"{address}/{kind}/{item}")["path"], range(REQUESTS))
            assert list(answers) == [f"/{item}" for item in range(REQUESTS)]
        stats = app.state.pool.stats()
        server.should_exit = True
        thread.join()
    print(f"{stats.completed} blocking calls of `async def` endpoints: {stats.threads_started} threads")
    print(f"{REQUESTS} `def` endpoints: anyio's limit of threads went from 4 to {max(app.state.limits)}")


if __name__ == "__main__":
    main()
