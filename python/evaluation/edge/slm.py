"""A small language model: the blocks of a transformer over a short prompt. NumPy, so mostly BLAS's matrix products."""

from __future__ import annotations

from typing import Callable

import numpy as np

from evaluation.workloads import Setting

WIDTH = 256
HEADS = 8
TOKENS = 64
BLOCKS = 4


class Block:
    """Attention to what came before, then a layer of neurons; each on the normalized sum of what went in so far."""

    def __init__(self, generator: np.random.Generator) -> None:
        def weights(rows: int, columns: int) -> np.ndarray:
            return (generator.normal(0, 1, (rows, columns)) / np.sqrt(rows)).astype(np.float32)

        self.queries_keys_values = weights(WIDTH, 3 * WIDTH)
        self.out = weights(WIDTH, WIDTH)
        self.up, self.down = weights(WIDTH, 4 * WIDTH), weights(4 * WIDTH, WIDTH)

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        """tokens: count x WIDTH."""
        tokens = tokens + self._attention(normalized(tokens)) @ self.out
        return tokens + gelu(normalized(tokens) @ self.up) @ self.down

    def _attention(self, tokens: np.ndarray) -> np.ndarray:
        count = len(tokens)
        split = (tokens @ self.queries_keys_values).reshape(count, 3, HEADS, WIDTH // HEADS)
        queries, keys, values = split.transpose(1, 2, 0, 3)  # each heads x count x width of a head
        scores = queries @ keys.transpose(0, 2, 1) / np.float32(np.sqrt(WIDTH // HEADS))
        scores[:, ~np.tri(count, dtype=bool)] = -np.inf
        return (softmax(scores) @ values).transpose(1, 0, 2).reshape(count, WIDTH)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def normalized(tokens: np.ndarray) -> np.ndarray:
    centred = tokens - tokens.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(1e-5))


def gelu(values: np.ndarray) -> np.ndarray:
    cubes = values * values * values
    return np.float32(0.5) * values * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (values + np.float32(0.044715) * cubes)))


def build(_: Setting) -> Callable[[], np.ndarray]:
    generator = np.random.default_rng(5)
    blocks = [Block(generator) for _ in range(BLOCKS)]
    prompt = generator.normal(0, 1, (TOKENS, WIDTH)).astype(np.float32)

    def compute() -> np.ndarray:
        tokens = prompt
        for block in blocks:
            tokens = block(tokens)
        return tokens

    return compute
