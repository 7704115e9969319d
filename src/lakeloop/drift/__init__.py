"""Judges whether scored data moved away from what the champion was accepted on, and whether that hurt.

Everything here is exact arithmetic on integer histograms and sums per day: the same answer wherever the counts were
made.
"""
