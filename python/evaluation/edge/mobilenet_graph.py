"""Builds MobileNetV2 (Sandler and others 2018, width 1, 1000 classes) as an ONNX graph, with the package `onnx`.

The architecture is the published one, node by node. The weights are drawn from a seed: how long a run takes does not depend on them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper, save

SIZE = 224
CLASSES = 1000
FIRST, LAST = 32, 1280
"""Channels of the convolutions before and after the bottlenecks."""
BOTTLENECKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Table 2 of the publication: expansion, channels, how many of them, stride of the first."""
OPSET, IR_VERSION = 17, 8


class Graph:
    """Layers add themselves at its end; each method gives the name of what its layer puts out."""

    def __init__(self) -> None:
        self._draw = np.random.default_rng(7)
        self.nodes: list[object] = []
        self.weights: list[TensorProto] = []

    def convolution(self, source: str, inputs: int, outputs: int, size: int, *, stride: int = 1, groups: int = 1, cut: bool = True) -> str:
        """With its batch normalization and, if `cut`, ReLU6."""
        shape = (outputs, inputs // groups, size, size)
        weights = self._weights(self._draw.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape))
        attributes = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [size // 2] * 4, "group": groups}
        convolved = self._node("Conv", [source, weights], **attributes)
        scale, shift = self._draw.normal(1, 0.1, outputs), self._draw.normal(0, 0.1, outputs)
        statistics = [np.zeros(outputs), np.ones(outputs)]
        parts = [self._weights(scale), self._weights(shift), *(self._weights(each, "running") for each in statistics)]
        normalized = self._node("BatchNormalization", [convolved, *parts])
        return self._node("Clip", [normalized, self._constant("zero", 0.0), self._constant("six", 6.0)]) if cut else normalized

    def bottleneck(self, source: str, inputs: int, outputs: int, expansion: int, stride: int) -> str:
        """Widened, filtered channel by channel, narrowed again; beside it a way straight through, where the shapes allow that."""
        wide = inputs * expansion
        inner = self.convolution(source, inputs, wide, 1) if expansion > 1 else source
        inner = self.convolution(inner, wide, wide, 3, stride=stride, groups=wide)
        inner = self.convolution(inner, wide, outputs, 1, cut=False)
        return self._node("Add", [source, inner]) if stride == 1 and inputs == outputs else inner

    def classifier(self, source: str, inputs: int) -> None:
        flat = self._node("Flatten", [self._node("GlobalAveragePool", [source])])
        parts = [self._weights(self._draw.normal(0, 0.01, (CLASSES, inputs))), self._weights(np.zeros(CLASSES))]
        self.nodes.append(helper.make_node("Gemm", [flat, *parts], ["scores"], transB=1))

    def _node(self, kind: str, sources: list[str], **attributes: object) -> str:
        name = f"{kind.lower()}-{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, sources, [name], name, **attributes))
        return name

    def _weights(self, values: np.ndarray, kind: str = "trained") -> str:
        name = f"{kind}-{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def _constant(self, name: str, value: float) -> str:
        if all(known.name != name for known in self.weights):
            self.weights.append(numpy_helper.from_array(np.float32(value), name))
        return name


def build() -> ModelProto:
    graph = Graph()
    last, channels = graph.convolution("image", 3, FIRST, 3, stride=2), FIRST
    for expansion, outputs, count, stride in BOTTLENECKS:
        for number in range(count):
            last = graph.bottleneck(last, channels, outputs, expansion, 1 if number else stride)
            channels = outputs
    graph.classifier(graph.convolution(last, channels, LAST, 1), LAST)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CLASSES])
    whole = helper.make_graph(graph.nodes, "MobileNetV2", [image], [scores], graph.weights)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model, full_check=True)
    return model


def parameters(model: ModelProto) -> int:
    """Those that training would change."""
    return sum(int(np.prod(each.dims)) for each in model.graph.initializer if each.name.startswith("trained"))


def write(file: Path) -> None:
    save(build(), str(file))
