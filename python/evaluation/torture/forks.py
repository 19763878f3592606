"""Forks: from a worker, from a submitter under load, by multiprocessing. The child uses the pool it inherited and one of its own."""

from __future__ import annotations

from evaluation.torture.trial import Trial

CHILD = """
import multiprocessing, warnings
warnings.simplefilter("ignore")

def use_pools(pool):
    # Without words: what a child says is not the parent's.
    assert sorted(pool.map(abs, range(-20, 0))) == list(range(1, 21))
    with Executor(2) as own:
        assert [future.result(30) for future in [own.submit(pow, 2, n) for n in range(20)]] == [2**n for n in range(20)]

def fork(pool):
    process = os.fork()
    if process == 0:
        status = 1
        try:
            signal.alarm(60)
            use_pools(pool)
            status = 0
        except BaseException as error:
            os.write(2, (repr(error) + "\\n").encode())
        finally:
            os._exit(status)
    assert os.waitpid(process, 0)[1] == 0

def work():
    time.sleep(0.0005)

"""

LOAD = """
stop = False
def feed():
    while not stop:
        for future in [submit(pool, work) for _ in range(30)]: future.result(60)
feeders = [threading.Thread(target=feed) for _ in range(2)]
for feeder in feeders: feeder.start()
"""

UNLOAD = """
stop = True
for feeder in feeders: feeder.join()
pool.shutdown()
"""


def by_multiprocessing(method: str, count: int) -> Trial:
    # Children of forkserver and spawn import the main module: it must be a file, so they get a function of a library to call.
    target = "use_pools, (pool,)" if method == "fork" else "time.sleep, (0,)"
    function, arguments = target.split(", ", 1)
    code = f"""
pool = Executor(4)
{LOAD}
context = multiprocessing.get_context("{method}")
for _ in range({count}):
    process = context.Process(target={function}, args={arguments})
    process.start()
    process.join(60)
    assert process.exitcode == 0, process.exitcode
{UNLOAD}
"""
    return Trial(f"multiprocessing's {method}, under load", CHILD + code, works=count)


def trials() -> list[Trial]:
    return [
        Trial(
            "200 forks in a row, from main, under load",
            CHILD + f"pool = Executor(4)\n{LOAD}\nfor _ in range(200): fork(pool)\n{UNLOAD}",
            works=200,
        ),
        Trial(
            "forks in workers",
            CHILD + "with Executor(4) as pool:\n    for future in [submit(pool, fork, pool) for _ in range(30)]: future.result(80)\n",
            works=30,
        ),
        Trial(
            "forks in threads that submit",
            CHILD
            + """
pool = Executor(4)
def produce():
    for _ in range(10):
        futures = [submit(pool, work) for _ in range(20)]
        fork(pool)
        for future in futures: future.result(60)
producers = [threading.Thread(target=produce) for _ in range(3)]
for producer in producers: producer.start()
for producer in producers: producer.join()
pool.shutdown()
""",
            works=30,
        ),
        by_multiprocessing("fork", 20),
        by_multiprocessing("forkserver", 5),
        by_multiprocessing("spawn", 3),
    ]
