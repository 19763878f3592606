"""Voice: cepstra of one second of sound from an array of microphones, and which parts of it are speech. NumPy's FFT.

The detector is a classic one, of energy above the noise and of how far the spectrum is from flat: no trained model is needed for it.
"""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from evaluation.workloads import Setting

RATE = 16_000
MICROPHONES = 6
FRAME = 400
STEP = 160
POINTS = 512
BANDS = 40
CEPSTRA = 13
LEAST_RISE = 9.0
"""Decibels above the noise floor that speech has at least."""
MOST_FLATNESS = 0.3
"""Of the spectrum: white noise has about 0.56, a voice far less."""


class Heard(NamedTuple):
    cepstra: np.ndarray
    """Microphones x frames x (cepstra and their changes)."""
    speech: np.ndarray
    """Whether a frame is speech, as most microphones have it."""


class Listener:
    def __init__(self) -> None:
        self._window = np.hanning(FRAME)
        self._bands = mel_bands()
        order, place = np.mgrid[:CEPSTRA, :BANDS]
        self._cosines = np.cos(np.pi * order * (place + 0.5) / BANDS)
        frequencies = np.fft.rfftfreq(POINTS, 1 / RATE)
        self._voiced = (frequencies > 80) & (frequencies < 4000)

    def __call__(self, sound: np.ndarray) -> Heard:
        """sound: microphones x samples."""
        frames = sliding_window_view(sound, FRAME, axis=1)[:, ::STEP] * self._window
        power = np.abs(np.fft.rfft(frames, POINTS)) ** 2 + 1e-12
        cepstra = np.log(power @ self._bands.T + 1e-12) @ self._cosines.T
        return Heard(np.concatenate([cepstra, np.gradient(cepstra, axis=1)], axis=2), self._speech(power[..., self._voiced]))

    @staticmethod
    def _speech(power: np.ndarray) -> np.ndarray:
        mean = power.mean(axis=2)
        level = 10 * np.log10(mean)
        flatness = np.exp(np.log(power).mean(axis=2)) / mean
        speech = (level > np.percentile(level, 10, axis=1, keepdims=True) + LEAST_RISE) & (flatness < MOST_FLATNESS)
        agreed = speech.sum(axis=0) > MICROPHONES / 2
        return np.convolve(agreed, np.ones(5), "same") >= 3  # of five frames the most decide


def mel_bands() -> np.ndarray:
    """Triangles on the mel scale, bands x frequencies."""
    most = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, most, BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(POINTS, 1 / RATE)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.clip(np.minimum((frequencies - left) / (middle - left), (right - frequencies) / (right - middle)), 0, None)


def utterance(begins: float, ends: float) -> np.ndarray:
    """One second: a vowel between these moments, and throughout the noise of a room, another in each microphone."""
    time = np.arange(RATE) / RATE
    harmonics = 120.0 * np.arange(1, 30)
    weights = sum(np.exp(-(((harmonics - formant) / 150) ** 2)) for formant in (700, 1220, 2600))
    vowel = (weights[:, None] * np.sin(2 * np.pi * harmonics[:, None] * time)).sum(axis=0)
    return 0.1 * vowel * ((time >= begins) & (time < ends)) + np.random.default_rng(3).normal(0, 0.003, (MICROPHONES, RATE))


def build(_: Setting) -> Callable[[], Heard]:
    listener, sound = Listener(), utterance(0.3, 0.7)
    return lambda: listener(sound)
