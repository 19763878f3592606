#!/usr/bin/env python3
"""joblib: Parallel() takes no executor, but backends of other people. This one hands its batches to a BetaPool."""

import joblib
from betapool import AdaptiveThreadPoolExecutor
from joblib.parallel import ParallelBackendBase
from upstream import get, upstream


class BetaPoolBackend(ParallelBackendBase):
    """n_jobs is how many batches joblib keeps submitted at a time; how many threads they take is up to the pool."""

    uses_threads = supports_sharedmem = supports_retrieve_callback = True
    started = 0

    def effective_n_jobs(self, n_jobs):
        return 128 if n_jobs in (None, -1) else n_jobs

    def configure(self, n_jobs=1, parallel=None, **_):
        self.parallel, self.executor = parallel, AdaptiveThreadPoolExecutor()
        return self.effective_n_jobs(n_jobs)

    def submit(self, call, callback=None):
        future = self.executor.submit(call)
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, future):
        return future.result()

    def abort_everything(self, ensure_ready=True):
        self.terminate()
        if ensure_ready:
            self.configure(parallel=self.parallel)

    def terminate(self):
        self.executor.shutdown(cancel_futures=True)
        BetaPoolBackend.started = self.executor.stats().threads_started


def main():
    joblib.register_parallel_backend("betapool", BetaPoolBackend)
    with upstream() as address, joblib.parallel_config(backend="betapool", n_jobs=-1):
        answers = joblib.Parallel()(joblib.delayed(get)(f"{address}/{number}") for number in range(400))
        assert [answer["path"] for answer in answers] == [f"/{number}" for number in range(400)]
        print(f"{len(answers)} calls: {BetaPoolBackend.started} threads")
        try:
            joblib.Parallel()(joblib.delayed(divmod)(1, 10 - number) for number in range(50))
        except ZeroDivisionError as error:
            print(f"an error comes through: {error}")


if __name__ == "__main__":
    main()
