"""What has to be there before an edge workload is measured on an interpreter: its library, its files, and how long its request takes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from evaluation import children, interpreters, reference, services
from evaluation.edge import pins
from evaluation.interpreters import Interpreter
from evaluation.peers import Package
from evaluation.workloads import Workload

LIMIT = 120.0
"""Seconds for a computation alone: its library is loaded for the first time."""


class Prepared(NamedTuple):
    libraries: dict[str, Path]
    """Where each workload's library is imported from."""
    waits: dict[str, int]
    """Microseconds that the service takes for a task's request, by workload."""
    left_out: dict[str, str]
    """Workloads that cannot be measured on this interpreter, and why."""


def package(library: str) -> Package:
    return Package(library, pins.version(library), constraints=pins.REQUIREMENTS, is_alone=pins.is_model(library))


def prepare(
    python: Interpreter, workloads: Iterable[Workload], cache: Path, packages: Path, setting: dict[str, Any], available: list[int]
) -> Prepared:
    """setting: as an earlier run had it, if this one resumes it: what is known of its waits stays. packages: where betapool is."""
    prepared = Prepared({}, dict(setting.get("waits", {})), {})
    for workload in workloads:
        if workload.library is None:
            continue
        try:
            folder = reference.install(python, cache, package(workload.library))
            if workload.model_from:
                make_model(workload, cache, packages)
            if workload.name not in prepared.waits:
                prepared.waits[workload.name] = wait(python, workload, setting, folder, available)
            prepared.libraries[workload.name] = folder
        except (reference.Unavailable, children.DidNotFinish, interpreters.Unusable) as error:
            prepared.left_out[workload.name] = str(error)
    return prepared


def make_model(workload: Workload, cache: Path, packages: Path) -> None:
    """By the interpreter that runs the harness: what builds it need not be there for those that are measured."""
    own = interpreters.describe(sys.executable, packages)
    folders = [reference.install(own, cache, package(library)) for library in (workload.model_from, workload.library) if library]
    children.call(own.path, "model", {"workload": workload.name, "cache": str(cache)}, LIMIT, *folders)


def wait(python: Interpreter, workload: Workload, setting: dict[str, Any], library: Path, available: list[int]) -> int:
    """Measured on one core, with the service on the others, and with one thread for the library whatever the run is for."""
    last = {available[-1]}
    with services.upstream(set(available) - last or last) as service:
        alone = {**setting, "waits": {}, "port": service.port, "library_threads": "one"}
        request = {"workload": workload.name, "setting": alone, "cores": [available[-1]]}
        return int(children.call(python.path, "wait", request, LIMIT, library)["wait"])
