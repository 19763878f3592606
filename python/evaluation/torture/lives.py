"""The end of the interpreter, in every way, with tasks in every state."""

from __future__ import annotations

import itertools
import signal

from evaluation.torture.trial import Trial

STATES = {
    "queued": "for _ in range(2): submit(pool, time.sleep, 0.03)\nfor _ in range(200): submit(pool)",
    "running": """
def spin():
    end = time.monotonic() + 0.03
    while time.monotonic() < end: pass
for _ in range(12): submit(pool, spin)
""",
    "blocked in C": """
reading, writing = os.pipe()
data = bytes(300_000)
for _ in range(4):
    submit(pool, time.sleep, 0.03)
    submit(pool, select.select, [reading], [], [], 0.03)
    submit(pool, zlib.compress, data, 9)
""",
    "raising": """
def fail(error):
    raise error
for error in (ValueError, SystemExit, KeyboardInterrupt, MemoryError, BaseException) * 8: submit(pool, fail, error)
""",
    "submitting more": """
def spread(depth):
    time.sleep(0.001)
    for _ in range(2 if depth else 0):
        try:
            submit(pool, spread, depth - 1)
        except RuntimeError:  # the interpreter has ended
            pass
for _ in range(3): submit(pool, spread, 5)
""",
}

# name: (what main does, status, whether the tasks are still done)
ENDS = {
    "main ends": ("", 0, True),
    "sys.exit": ("sys.exit(3)", 3, True),
    "an unhandled exception": ("raise LookupError('main')", 1, True),
    "os._exit": ("os._exit(4)", 4, False),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)", -signal.SIGTERM, False),
    "SIGTERM, handled by sys.exit": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\nos.kill(os.getpid(), signal.SIGTERM)\nwhile True: time.sleep(0.001)",
        5,
        True,
    ),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT)\nwhile True: time.sleep(0.001)", -signal.SIGINT, True),
    "os.abort in a task": ("submit(pool, os.abort)\ntime.sleep(60)", -signal.SIGABRT, False),
}

OTHERS = [
    Trial(
        "daemon threads submit and wait for ever",
        """
pool = Executor(4)
def feed():
    while True:
        try: submit(pool, time.sleep, 0.001).result()
        except RuntimeError: time.sleep(0.001)
for _ in range(4): threading.Thread(target=feed, daemon=True).start()
time.sleep(0.03)
""",
        drains=False,  # such a thread is stopped anywhere, also between being accepted and saying so
    ),
    Trial(
        "atexit functions submit",
        """
pool = Executor(4)
submit(pool).result()
def late(pool):
    try: submit(pool)
    except RuntimeError as error: assert "interpreter shutdown" in str(error)
    else: os._exit(9)
for each in (pool, Executor(2)): atexit.register(late, each)
atexit.register(lambda: pool.shutdown(cancel_futures=True))
""",
    ),
    Trial(
        "the last reference to a pool goes in one of its tasks",
        """
for _ in range(20):
    holder = [Executor(2)]
    for _ in range(5): submit(holder[0])
    submit(holder[0], holder.clear)
    while holder: time.sleep(0.001)
""",
        works=20,
    ),
    Trial(
        "a task shuts its own pool down",
        """
for number in range(20):
    pool = Executor(2)
    for _ in range(5): submit(pool)
    submit(pool, pool.shutdown, number % 2 == 0)
    try:
        for _ in range(50): submit(pool)
    except RuntimeError: pass
    del pool
""",
        works=20,
    ),
    Trial(
        "a task ends its thread's loop by SystemExit, another by an asynchronous exception",
        """
import ctypes
pool = Executor(2, policy="fixed")
def strike(target):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(target), ctypes.py_object(SystemExit))
def victim():
    submit(pool, strike, threading.get_ident())
    for _ in range(100): time.sleep(0.001)
for _ in range(5):
    submit(pool, victim)
    submit(pool, sys.exit, 7)
""",
        works=10,
    ),
    Trial(
        "a subinterpreter, which is refused the import, comes and goes",
        """
try:
    import _interpreters as interpreters
except ImportError:
    try: import _xxsubinterpreters as interpreters
    except ImportError:
        say("skip this Python has no subinterpreters"); sys.exit()
pool = Executor(2)
for _ in range(5):
    submit(pool)
    interpreter = interpreters.create()
    interpreters.run_string(interpreter, '''
try: import betapool
except ImportError: pass
else: raise SystemError("imported")
''')
    interpreters.destroy(interpreter)
    submit(pool).result(30)
""",
        works=5,
    ),
]


def trials() -> list[Trial]:
    crossed = [
        Trial(f"{end}; tasks {state}", f"pool = Executor(4)\n{STATES[state]}\n{code}\n", status, drains, fault=end)
        for (end, (code, status, drains)), state in itertools.product(ENDS.items(), STATES)
    ]
    return crossed + OTHERS
