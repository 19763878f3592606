"""Sensor fusion: a Kalman filter that joins an accelerometer, quick and drifting, with GPS, slow and noisy. NumPy."""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np

from evaluation.workloads import Setting

STEP = 0.01
"""Seconds between two readings of the accelerometer."""
STEPS = 500
PER_FIX = 10
"""Readings for each position that GPS gives."""
ACCELERATION_NOISE = 0.3
POSITION_NOISE = 3.0


class Trace(NamedTuple):
    """Of a drive along a curve, in metres and seconds."""

    positions: np.ndarray
    """Where it was in truth."""
    accelerations: np.ndarray
    fixes: np.ndarray
    """Positions by GPS, one for PER_FIX readings."""


class Filter:
    """State: position and velocity, in two dimensions."""

    def __init__(self) -> None:
        one, none = np.eye(2), np.zeros((2, 2))
        self._move = np.block([[one, STEP * one], [none, one]])
        self._push = np.vstack([STEP**2 / 2 * one, STEP * one])
        self._drift = ACCELERATION_NOISE**2 * self._push @ self._push.T
        self._see = np.hstack([one, none])
        self._blur = POSITION_NOISE**2 * one

    def __call__(self, trace: Trace) -> np.ndarray:
        """The positions as they are believed after each reading."""
        state, doubt = np.zeros(4), np.diag([POSITION_NOISE**2, POSITION_NOISE**2, 100.0, 100.0])
        state[:2] = trace.fixes[0]
        believed = np.empty_like(trace.positions)
        for number, acceleration in enumerate(trace.accelerations):
            state = self._move @ state + self._push @ acceleration
            doubt = self._move @ doubt @ self._move.T + self._drift
            if number % PER_FIX == 0:
                state, doubt = self._correct(state, doubt, trace.fixes[number // PER_FIX])
            believed[number] = state[:2]
        return believed

    def _correct(self, state: np.ndarray, doubt: np.ndarray, fix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        spread = self._see @ doubt @ self._see.T + self._blur
        gain = np.linalg.solve(spread, self._see @ doubt).T
        return state + gain @ (fix - self._see @ state), doubt - gain @ self._see @ doubt


def drive() -> Trace:
    generator = np.random.default_rng(4)
    time = STEP * np.arange(1, STEPS + 1)
    positions = np.column_stack([10 * time, 20 * np.sin(time / 2)])
    accelerations = np.column_stack([np.zeros(STEPS), -5 * np.sin(time / 2)]) + generator.normal(0, ACCELERATION_NOISE, (STEPS, 2))
    fixes = positions[::PER_FIX] + generator.normal(0, POSITION_NOISE, (STEPS // PER_FIX, 2))
    return Trace(positions, accelerations, fixes)


def build(_: Setting) -> Callable[[], np.ndarray]:
    filter, trace = Filter(), drive()
    return lambda: filter(trace)
