"""asgiref, which Django's asynchronous parts stand on: sync_to_async with an executor."""

import contextvars

import pytest
from conftest import on_our_thread

sync = pytest.importorskip("asgiref.sync")
user = contextvars.ContextVar("user")


def test_sync_to_async(executor):
    def greet(greeting):
        return f"{greeting}, {user.get()}", on_our_thread()

    async def view():
        user.set("Ada")
        # An executor is taken only for code that may run in any thread.
        return await sync.sync_to_async(greet, thread_sensitive=False, executor=executor)("Hello")

    assert sync.async_to_sync(view)() == ("Hello, Ada", True)


def test_a_call_back_into_the_loop(executor):
    async def fetch(number):
        return number * 2, on_our_thread()

    def work(number):
        return sync.async_to_sync(fetch)(number), on_our_thread()

    async def view():
        return await sync.sync_to_async(work, thread_sensitive=False, executor=executor)(4)

    assert sync.async_to_sync(view)() == ((8, False), True)
