"""joblib takes no executor, but backends of other people: that of the example hands the calls to ours."""

import sys
from pathlib import Path

import pytest
from conftest import square, squares

joblib = pytest.importorskip("joblib")
parallel = pytest.importorskip("joblib.parallel")

sys.path.insert(0, str(Path(__file__).parents[3] / "examples/orchestrators"))
from joblib_backend import BetaPoolBackend  # noqa: E402  (found only now)


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
