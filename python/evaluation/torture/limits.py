"""Limits of the system, reached and lifted: what was accepted is done, and the pool is whole again afterwards."""

from __future__ import annotations

from evaluation.torture.trial import Trial

USE = """
def use(pool, count=200, wait=60):
    refused = 0
    futures = []
    for _ in range(count):
        try: futures.append(submit(pool, time.sleep, 0.0005))
        except (RuntimeError, MemoryError, OSError): refused += 1
    for future in futures: future.result(wait)
    return refused

def current(pool):
    use(pool)
    return pool.stats()

def limit(kind, value):
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, before[1]))
    return lambda: resource.setrlimit(kind, before)

def write(path, value):
    # Only what the kernel has put there: where cgroups are of version 1 this folder is an ordinary one, in which anything can be made.
    file = os.open(path, os.O_WRONLY)
    os.write(file, str(value).encode())
    os.close(file)

def leave_group(path, group):
    write(f"{path}/cgroup.procs", os.getpid())
    for _ in range(100):  # a thread that has ended a moment ago may still be counted
        try: return os.rmdir(group)
        except OSError: time.sleep(0.01)

def in_group(controller, value, version_1=None):
    # A cgroup of our own below the one we are in, of version 2 or of version 1's controller of that name; or nothing.
    group = None
    try:
        groups = dict(line.rstrip().split(":", 2)[1:] for line in open("/proc/self/cgroup"))
        where = f"/{version_1}{groups[version_1]}" if version_1 in groups else groups[""]
        path = f"/sys/fs/cgroup{where}".rstrip("/")
        group = f"{path}/betapool-{os.getpid()}"
        os.mkdir(group)
        write(f"{group}/{controller}", value)
        write(f"{group}/cgroup.procs", os.getpid())
    except (OSError, KeyError) as error:
        if group is not None and os.path.isdir(group): os.rmdir(group)
        say(f"skip no cgroup with {controller} can be made here: {error.__class__.__name__}")
        os._exit(0)
    atexit.register(leave_group, path, group)
"""


def trials() -> list[Trial]:
    return [
        Trial(
            "RLIMIT_NPROC: no thread beyond a few",
            USE
            + """
pool = Executor(16, policy="fixed")
if os.getuid() == 0: os.setuid(65534)  # root has no such limit
resource.setrlimit(resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
try: submit(pool)
except RuntimeError: pass
use(pool, 20)
resource.setrlimit(resource.RLIMIT_NPROC, (resource.getrlimit(resource.RLIMIT_NPROC)[1],) * 2)
assert use(pool) == 0 and pool.stats().threads >= 1
pool.shutdown()
""",
        ),
        Trial(
            "RLIMIT_AS: no room for further stacks",
            USE
            + """
pool = Executor(64, policy="fixed")
use(pool, 3)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
lift = limit(resource.RLIMIT_AS, size + (24 << 20))
use(pool)
assert pool.stats().threads < 64
lift()
assert use(pool) == 0
pool.shutdown()
""",
        ),
        Trial(
            "RLIMIT_NOFILE: no file can be opened",
            USE
            + """
pool = Executor(16)
lift = limit(resource.RLIMIT_NOFILE, 3)
assert use(pool, 600) == 0
lift()
assert use(pool) == 0
pool.shutdown()
def files_of_threads():
    numbers = [number for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")]
    return [path for number in numbers if "/task/" in (path := os.readlink(f"/proc/self/fd/{number}"))]
while files_of_threads(): time.sleep(0.01)  # they are closed by a thread that nobody waits for
""",
        ),
        Trial(
            "a cgroup's pids.max: no thread beyond 8",
            USE
            + """
in_group("pids.max", 8, "pids")
pool = Executor()
use(pool, 400)
assert pool.stats().threads <= pool.stats().max_threads <= 8
pool.shutdown()
""",
        ),
        Trial(
            "a cgroup's memory.max of 48 MiB",
            USE + "in_group('memory.max', 48 << 20)\npool = Executor()\nassert use(pool, 2000) == 0\npool.shutdown()\n",
        ),
        Trial(
            "no memory is both written and executed, before or after",
            USE
            + """
def loose():
    return [line for line in open("/proc/self/maps") if {"w", "x"} <= set(line.split()[1])]
before = loose()
with Executor(8) as pool:
    assert use(pool) == 0
    assert loose() == before and not [line for line in before if "betapool" in line]
""",
        ),
        Trial(
            "/proc is empty: no wait states, and stats() says so",
            """
import ctypes
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)
# A namespace of mounts of our own, and where root is needed for that, one of users too.
if libc.unshare(CLONE_NEWNS) != 0 and libc.unshare(CLONE_NEWNS | 0x10000000) != 0:
    say("skip no namespace of mounts can be made here"); os._exit(0)
if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0 or libc.mount(b"none", b"/proc", b"tmpfs", 0, None) != 0:
    say("skip nothing can be mounted here"); os._exit(0)
assert os.listdir("/proc") == []
"""
            + USE
            + """
with Executor(8, interval=0.01) as pool:
    assert not pool.stats().wait_states
    assert use(pool, 3000) == 0
    assert pool.stats().decisions > 0 and pool.stats().beta_io is None, pool.stats()
    for _ in range(10):  # decisions with nothing to look at, too
        assert not pool.stats().wait_states, pool.stats()
        time.sleep(0.01)
    assert pool.stats().threads >= 1
""",
        ),
    ]
