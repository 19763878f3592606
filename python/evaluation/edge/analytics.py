"""Analytics: hours of sensor readings, by minute and by device, and which of them stand out. pandas."""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np
import pandas as pd

from evaluation.workloads import Setting

READINGS = 4 * 3600
DEVICES = ("boiler", "fan", "pump", "valve")
OUTLIERS = (1_000, 5_000, 9_999)
"""Readings far from those around them."""


class Summary(NamedTuple):
    by_minute: pd.DataFrame
    by_device: pd.DataFrame
    outliers: pd.DatetimeIndex


def readings() -> pd.DataFrame:
    """One a second; the devices take turns."""
    generator = np.random.default_rng(6)
    temperature = 20 + 5 * np.sin(np.arange(READINGS) / 2000) + generator.normal(0, 0.5, READINGS)
    temperature[list(OUTLIERS)] += 25
    return pd.DataFrame(
        {
            "device": pd.Categorical.from_codes(np.arange(READINGS) % len(DEVICES), DEVICES),
            "temperature": temperature,
            "power": generator.gamma(2.0, 50.0, READINGS),
        },
        index=pd.date_range("2026-01-01", periods=READINGS, freq="s"),
    )


def summarize(data: pd.DataFrame) -> Summary:
    numbers = data[["temperature", "power"]]
    window = data["temperature"].rolling("5min")
    distance = (data["temperature"] - window.mean()).abs()
    by_device = data.groupby("device", observed=True)[["temperature", "power"]].agg(["mean", "std", "max"])
    return Summary(numbers.resample("1min").mean(), by_device, data.index[distance > 8 * window.std()])


def build(_: Setting) -> Callable[[], Summary]:
    data = readings()
    return lambda: summarize(data)
