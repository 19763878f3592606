"""Voice: cepstra of one second of sound from an array of microphones, by NumPy's FFT, and in which parts of it somebody speaks.

That says Silero's voice activity detector, of which its authors' package on PyPI has the file; ONNX Runtime runs it. It goes through the
sound window by window and keeps what it knows in a state, so a task has some thirty short runs of a small network.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from evaluation.edge import pins
from evaluation.edge.kept import made_once
from evaluation.edge.session import open_session
from evaluation.workloads import Setting

RATE = 16_000
MICROPHONES = 6
FRAME = 400
STEP = 160
POINTS = 512
BANDS = 40
CEPSTRA = 13
WINDOW, CONTEXT, STATE = 512, 64, (2, 1, 128)
"""What the detector takes at a time, what it looks back at, and what it remembers."""
SPEECH = 0.5
"""A window with at least this probability is speech: the authors' own threshold."""


class Heard(NamedTuple):
    cepstra: np.ndarray
    """Microphones x frames x (cepstra and their changes)."""
    speech: np.ndarray
    """The probability of each window that somebody speaks."""


class Listener:
    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._window = np.hanning(FRAME)
        self._bands = mel_bands()
        order, place = np.mgrid[:CEPSTRA, :BANDS]
        self._cosines = np.cos(np.pi * order * (place + 0.5) / BANDS)

    def __call__(self, sound: np.ndarray) -> Heard:
        """sound: microphones x samples."""
        return Heard(self.cepstra(sound), self._detector(sound.mean(axis=0)))

    def cepstra(self, sound: np.ndarray) -> np.ndarray:
        frames = sliding_window_view(sound, FRAME, axis=1)[:, ::STEP] * self._window
        power = np.abs(np.fft.rfft(frames, POINTS)) ** 2 + 1e-12
        cepstra = np.log(power @ self._bands.T + 1e-12) @ self._cosines.T
        return np.concatenate([cepstra, np.gradient(cepstra, axis=1)], axis=2)


class Detector:
    """Silero's. Threads may share one: what it remembers belongs to the call."""

    def __init__(self, file: Path, library_threads: str) -> None:
        self._session = open_session(file, library_threads)

    def __call__(self, sound: np.ndarray) -> np.ndarray:
        """sound: samples of one microphone."""
        state, rate = np.zeros(STATE, np.float32), np.array(RATE)
        padded = np.concatenate([np.zeros(CONTEXT), sound]).astype(np.float32)
        windows = sliding_window_view(padded, CONTEXT + WINDOW)[::WINDOW]
        speech = np.empty(len(windows))
        for number, window in enumerate(windows):
            probability, state = self._session.run(None, {"input": window[None], "state": state, "sr": rate})
            speech[number] = probability[0, 0]
        return speech


def model(folder: Path) -> Path:
    """Where the detector's file is, or has been put now: that needs the package to be there, but not what it depends on."""

    def copy(file: Path) -> None:
        found = find_spec("silero_vad")
        if found is None or not found.submodule_search_locations:
            raise RuntimeError("the package silero-vad is not there")
        shutil.copyfile(Path(found.submodule_search_locations[0], "data", "silero_vad_16k_op15.onnx"), file)

    return made_once(folder, "silero-vad.onnx", str(pins.MODELS), copy)


def mel_bands() -> np.ndarray:
    """Triangles on the mel scale, bands x frequencies."""
    most = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, most, BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(POINTS, 1 / RATE)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.clip(np.minimum((frequencies - left) / (middle - left), (right - frequencies) / (right - middle)), 0, None)


def utterance(begins: float, ends: float) -> np.ndarray:
    """One second: a voice between these moments, and throughout the noise of a room, another in each microphone.

    The voice glides in pitch, its formants move, and it swells and fades, as in syllables: a steady vowel is no speech to the detector."""
    time = np.arange(RATE) / RATE
    pitch = 110 + 30 * np.sin(2 * np.pi * 1.5 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first, second = 500 + 250 * np.sin(2 * np.pi * 2 * time), 1500 + 500 * np.sin(2 * np.pi * 2.3 * time + 1)
    voice = np.zeros(RATE)
    for harmonic in range(1, 35):
        frequency = harmonic * pitch
        formants = ((first, 120, 1.0), (second, 150, 0.5), (2600, 200, 0.3))
        strength = sum(part * np.exp(-(((frequency - formant) / width) ** 2)) for formant, width, part in formants)
        voice += strength * np.sin(harmonic * phase)
    voice *= 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time - 1)
    return 0.1 * voice * ((time >= begins) & (time < ends)) + np.random.default_rng(3).normal(0, 0.003, (MICROPHONES, RATE))


def build(setting: Setting) -> Callable[[], Heard]:
    listener = Listener(Detector(model(Path(setting.cache)), setting.library_threads))
    sound = utterance(0.3, 0.7)
    return lambda: listener(sound)
