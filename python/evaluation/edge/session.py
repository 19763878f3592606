"""ONNX Runtime's session over a model. Many threads may run one at a time."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def open_session(file: Path, library_threads: str) -> onnxruntime.InferenceSession:
    """library_threads: as in workloads.Setting."""
    options = onnxruntime.SessionOptions()
    if library_threads == "one":
        options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
