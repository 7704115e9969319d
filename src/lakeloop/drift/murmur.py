"""The hash by which DataSketches tells numbers apart, of many numbers at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_SEED, _LENGTH = 9001, 8
_FIRST, _SECOND = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
_MIX_FIRST, _MIX_SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_31, _33 = np.uint64(31), np.uint64(33)


def hash_numbers(values: npt.NDArray[np.float64]) -> tuple[Hashes, Hashes]:
    """Hash numbers by MurmurHash3 of 128 bits, seed 9001, of their eight bytes.

    Args:
        values: Numbers; minus zero is to be zero, shape [n].

    Returns:
        Lower and upper half of each hash, shape [n].

    Source: Appleby, MurmurHash3_x64_128; the seed is that of DataSketches.

    >>> [half.tolist() for half in hash_numbers(np.array([1.0]))]
    [[17962518696691606795], [4394155902813184534]]
    """
    low = values.view(np.uint64) * _FIRST
    low = (low << _31) | (low >> _33)
    low *= _SECOND
    low ^= np.uint64(_SEED ^ _LENGTH)
    low += np.uint64(_SEED ^ _LENGTH)
    upper = low + np.uint64(_SEED ^ _LENGTH)
    low, high = _mixed(low), _mixed(upper)
    low += high
    high += low
    return low, high


def _mixed(half: Hashes) -> Hashes:
    half ^= half >> _33
    half *= _MIX_FIRST
    half ^= half >> _33
    half *= _MIX_SECOND
    half ^= half >> _33
    return half
