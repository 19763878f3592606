"""Vision: convolutions of a camera's picture, as the first stage of a detector has them. NumPy."""

from __future__ import annotations

from typing import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from evaluation.workloads import Setting

SIZE = 224
FILTERS = {3: 8, 5: 4}
"""How many kernels of each size."""


class Stage:
    """Kernels of several sizes over one picture; then the negative is cut off, and of each 2x2 the greatest is kept."""

    def __init__(self, kernels: dict[int, np.ndarray]) -> None:
        # A convolution reads the kernel backwards; turned round once, it is a product of windows and kernels.
        self._turned = {size: np.ascontiguousarray(each[:, ::-1, ::-1]) for size, each in kernels.items()}

    def convolve(self, image: np.ndarray, size: int) -> np.ndarray:
        """Where the kernels lie wholly in the picture: rows x columns x kernels."""
        windows = sliding_window_view(image, (size, size))
        return np.tensordot(windows, self._turned[size], axes=([2, 3], [1, 2]))

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        return [pool(np.maximum(self.convolve(image, size), 0)) for size in self._turned]


def pool(maps: np.ndarray) -> np.ndarray:
    rows, columns = maps.shape[0] // 2 * 2, maps.shape[1] // 2 * 2
    even = maps[:rows, :columns]
    return np.maximum(np.maximum(even[::2, ::2], even[1::2, ::2]), np.maximum(even[::2, 1::2], even[1::2, 1::2]))


def picture() -> np.ndarray:
    """Shapes with edges, and the noise of a sensor; from 0 to 1."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    disc = (rows - 90) ** 2 + (columns - 120) ** 2 < 50**2
    bars = (columns // 16) % 2
    noise = np.random.default_rng(1).normal(0, 0.02, (SIZE, SIZE))
    return np.clip(0.6 * disc + 0.3 * bars + noise, 0, 1).astype(np.float32)


def kernels() -> dict[int, np.ndarray]:
    generator = np.random.default_rng(2)
    return {size: generator.normal(0, 1 / size, (count, size, size)).astype(np.float32) for size, count in FILTERS.items()}


def build(_: Setting) -> Callable[[], list[np.ndarray]]:
    stage, image = Stage(kernels()), picture()
    return lambda: stage(image)
