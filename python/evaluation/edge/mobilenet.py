"""ONNX: MobileNetV2 over a picture of 224x224, by ONNX Runtime. A session may be run by many threads at once, so there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import numpy as np

from evaluation.edge.kept import made_once
from evaluation.edge.session import open_session
from evaluation.workloads import Setting

SHAPE = (1, 3, 224, 224)


def model(folder: Path) -> Path:
    """Where it is, or has been built now: that needs the package `onnx`, which not every interpreter can have."""

    def write(file: Path) -> None:
        from evaluation.edge import mobilenet_graph

        mobilenet_graph.write(file)

    return made_once(folder, "mobilenetv2.onnx", str(Path(__file__).with_name("mobilenet_graph.py")), write)


class Classifier:
    def __init__(self, file: Path, library_threads: str) -> None:
        self._session = open_session(file, library_threads)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The scores of the classes."""
        [scores] = self._session.run(["scores"], {"image": image})
        return scores[0]


def picture(seed: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, SHAPE).astype(np.float32)


def build(setting: Setting) -> Callable[[], np.ndarray]:
    classifier, image = Classifier(model(Path(setting.cache)), setting.library_threads), picture()
    return lambda: classifier(image)
