"""Who else uses the machine while a test runs."""

import os
import resource
import time

FEW = 0.25
"""Cores: with less than that taken by others, a share is what it would be without them."""


class Neighbours:
    """From now on until cores() is asked."""

    def __init__(self):
        self._began, self._used = time.monotonic(), _used()

    def cores(self):
        """That others used, the hypervisor among them: all but this process's children that have ended."""
        return (_used() - self._used) / (time.monotonic() - self._began)


def _used():
    with open("/proc/stat") as file:
        user, nice, system, _, _, *interrupts_and_stolen = map(int, file.readline().split()[1:9])
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (user + nice + system + sum(interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK") - children.ru_utime - children.ru_stime
