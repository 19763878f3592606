#!/usr/bin/env python3
"""An asyncio program whose blocking calls are sized by betapool.Controller: as many at a time as it says.

    await controller.to_thread(f, ...)   asyncio.to_thread, measured
    controller.tick(waiting)             every interval: what was decided, and why
"""

import asyncio
import hashlib
import time

from betapool import Controller

INTERVAL = 0.05  # seconds; ten times the paper's pace, because this run lasts seconds and not hours


def fetch_and_digest(number: int) -> str:
    time.sleep(0.02)  # as a request to somewhere would
    return hashlib.sha256(str(number).encode() * 1000).hexdigest()


class Gate:
    """Lets as many calls through as the controller allows, however often that changes."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.running = self.waiting = 0
        self.changed = asyncio.Condition()

    async def call(self, number: int) -> str:
        self.waiting += 1
        async with self.changed:
            await self.changed.wait_for(lambda: self.running < self.controller.threads)
            self.waiting -= 1
            self.running += 1
        try:
            return await self.controller.to_thread(fetch_and_digest, number)
        finally:
            async with self.changed:
                self.running -= 1
                self.changed.notify()

    async def adapt(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            decision = self.controller.tick(self.waiting)
            if decision.action in ("scale_up", "scale_down"):
                print(f"{decision.threads:3} threads  {decision.reason}", flush=True)
                async with self.changed:
                    self.changed.notify_all()


async def main() -> None:
    # Not more than asyncio.to_thread has threads: that is min(32, cores + 4) by default.
    controller = Controller(min_threads=1, max_threads=6, policy="adaptive", interval=INTERVAL)
    gate = Gate(controller)
    adapting = asyncio.create_task(gate.adapt())
    digests = await asyncio.gather(*(gate.call(number) for number in range(300)))
    adapting.cancel()
    print(f"{len(set(digests))} digests, {controller.threads} threads in the end, beta {controller.beta:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
