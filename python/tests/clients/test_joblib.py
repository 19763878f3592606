"""joblib takes no executor, but backends of other people: one that hands the calls to ours."""

import pytest
from conftest import square, squares

from betapool import AdaptiveThreadPoolExecutor

joblib = pytest.importorskip("joblib")
parallel = pytest.importorskip("joblib.parallel")


class BetaPoolBackend(parallel.ParallelBackendBase):
    uses_threads = supports_sharedmem = supports_retrieve_callback = True

    def effective_n_jobs(self, n_jobs):
        """How many batches joblib keeps submitted at a time; how many threads they take is up to the pool."""
        return joblib.cpu_count() * 4 if n_jobs in (None, -1) else n_jobs

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


@pytest.fixture(autouse=True)
def backend():
    joblib.register_parallel_backend("betapool", BetaPoolBackend)
    with joblib.parallel_config(backend="betapool", n_jobs=8):
        yield
    del parallel.BACKENDS["betapool"]


def test_parallel():
    assert joblib.Parallel()(joblib.delayed(square)(number) for number in range(200)) == squares(200)


def test_results_one_by_one():
    assert list(joblib.Parallel(return_as="generator")(joblib.delayed(square)(number) for number in range(50))) == squares(50)


def test_an_error():
    with pytest.raises(ZeroDivisionError):
        joblib.Parallel()(joblib.delayed(divmod)(1, 10 - number) for number in range(50))
    assert joblib.Parallel()(joblib.delayed(square)(number) for number in range(50)) == squares(50)
