"""Runs the thread pool tests of CPython's own test suite, as they came with the interpreter, on betapool's executor and futures.

    python run.py JUNIT_FILE        writes there how each test went; the status is 1 if one failed

Beyond what the tests look at, each must have made an executor of betapool's, in every program that it starts as well, and have left nothing
behind of which the suite complains.
"""

import faulthandler
import functools
import re
import sys
import tempfile
import unittest
from typing import NamedTuple
from xml.etree import ElementTree

import substitute
from test import support
from test.support import script_helper

from betapool import AdaptiveThreadPoolExecutor, _core

SUITE = "test.test_concurrent_futures"
SECONDS_PER_TEST = 120

# These are there in every version. Further ones are found by the executor they use.
CLASSES = {
    "FutureTests",
    "ThreadPoolAsCompletedTest",
    "ThreadPoolExecutorTest",
    "ThreadPoolFailingInitializerTest",
    "ThreadPoolInitializerTest",
    "ThreadPoolShutdownTest",
    "ThreadPoolWaitTests",
}


class Difference(NamedTuple):
    reason: str
    failure: str  # a regular expression: any other failure of the test counts
    is_certain: bool  # the test must fail, or the difference is none any more


CORES = Difference("max_workers comes from memory and limits, not from the number of cores", r"^\d+ != \d+$", True)
FIRST_CALL = Difference(
    "a call is queued when a thread is there, so even the first can be cancelled at once; later versions of the test accept that",
    r"^b'' != b'apple'$",
    False,
)
# Tests that betapool does not always pass, and how they fail then. They are run all the same, and each must be there.
DIFFERENCES = {
    "ThreadPoolExecutorTest.test_default_workers": CORES,
    "ThreadPoolShutdownTest.test_cancel_futures_wait_false": FIRST_CALL,
}


def main(junit_file):
    support.verbose = 0
    with tempfile.NamedTemporaryFile() as file:
        journal = Journal(file.name)
        substitute.use_executor(journal.path)
        substitute.use_future()
        substitute_in_programs(journal)
        complaints = collect_complaints()
        tests = find_tests()
        for test in tests:
            test.addCleanup(check, test, journal, complaints)
        limit_time()
        result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result).run(unittest.TestSuite(tests))
        print(f"the tests made {journal.count()} of betapool's executors")
    report(tests, result, junit_file)
    return 0 if result.wasSuccessful() else 1


# ---- Which tests ----


def find_tests():
    loader = unittest.TestLoader()
    tests = [test for test in flat(loader.loadTestsFromName(SUITE)) if is_about_threads(test)]
    if loader.errors:
        sys.exit("\n".join(loader.errors))
    missing = CLASSES - {type(test).__name__ for test in tests} | DIFFERENCES.keys() - {name_of(test) for test in tests}
    if missing:
        sys.exit(f"{SUITE} of this interpreter has no {', '.join(sorted(missing))}: correct the lists in {__file__}")
    return tests


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def is_about_threads(test):
    return getattr(test, "executor_type", None) is AdaptiveThreadPoolExecutor or type(test).__name__ == "FutureTests"


def name_of(test):
    return f"{type(test).__name__}.{test._testMethodName}"


# ---- What holds for each of them ----


class Journal:
    """A file with a line for each of betapool's executors that was made."""

    def __init__(self, path):
        self.path = path
        self._seen = 0

    def count(self):
        with open(self.path) as lines:
            return sum(1 for _ in lines)

    def count_new(self):
        """Since the last call."""
        seen, self._seen = self._seen, self.count()
        return self._seen - seen


def substitute_in_programs(journal):
    """The programs that tests start have betapool's executor too."""
    run_python = script_helper.run_python_until_end

    def run_with_betapool(option, program, **environment):
        assert option == "-c", f"python {option} was not given betapool's executor"
        before = journal.count()
        answer = run_python(option, substitute.prelude(journal.path) + program, **environment)
        assert journal.count() > before, f"this program made none of betapool's executors, and gave {answer}:\n{program}"
        return answer

    script_helper.run_python_until_end = run_with_betapool


def collect_complaints():
    """What the suite finds left behind by a test, threads and processes, it only warns of: from now on that is added to a list."""
    complaints = []
    warn = support.print_warning

    @functools.wraps(warn)
    def warn_and_note(message):
        complaints.append(message)
        warn(message)

    support.print_warning = warn_and_note
    return complaints


def check(test, journal, complaints):
    """Called at the end of each test."""
    limit_time()
    executors = journal.count_new()
    complaint = "\n".join(complaints)
    complaints.clear()
    if type(test).__name__ == "FutureTests":
        assert sys.modules[type(test).__module__].Future is _core.Future, "the test took the standard library's futures"
    else:
        assert executors > 0, "the test made none of betapool's executors"
    assert not complaint, complaint


def limit_time():
    """The next test is stopped when its time is over, and all stacks are shown."""
    faulthandler.dump_traceback_later(SECONDS_PER_TEST, exit=True)


# ---- How it went ----


class Result(unittest.TextTestResult):
    def addFailure(self, test, error):
        difference = DIFFERENCES.get(name_of(owner(test)))
        if difference and re.search(difference.failure, str(error[1])):
            self.addSkip(test, difference.reason)
        else:
            super().addFailure(test, error)

    def addSuccess(self, test):
        difference = DIFFERENCES.get(name_of(test))
        if difference and difference.is_certain:
            error = AssertionError(f"it passes: take it out of DIFFERENCES in {__file__}")
            super().addFailure(test, (AssertionError, error, None))
        else:
            super().addSuccess(test)


def owner(test):
    """The test that a subtest is part of."""
    return getattr(test, "test_case", test)


def report(tests, result, junit_file):
    failed = {owner(test): text for test, text in [*result.failures, *result.errors]}
    skipped = {owner(test): reason for test, reason in result.skipped if owner(test) not in failed}
    for test, reason in skipped.items():
        print(f"SKIPPED {name_of(test)}: {reason}")
    suite = ElementTree.Element("testsuite", name=SUITE, failures=str(len(failed)), errors="0", skipped=str(len(skipped)))
    for test in dict.fromkeys([*tests, *failed]):  # what fails outside of a test, as for a module, is not among the tests
        case = ElementTree.SubElement(suite, "testcase", name=str(test))
        if test in failed:
            ElementTree.SubElement(case, "failure").text = failed[test]
        elif test in skipped:
            ElementTree.SubElement(case, "skipped", message=skipped[test])
    ElementTree.ElementTree(suite).write(junit_file)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
