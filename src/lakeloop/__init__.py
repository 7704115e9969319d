"""Closes the loop of machine learning on a lakehouse."""

from __future__ import annotations

__version__ = "0.1.0"
