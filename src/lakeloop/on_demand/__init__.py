"""Columns computed from values at hand: one NumPy implementation for training, scoring and logging."""
