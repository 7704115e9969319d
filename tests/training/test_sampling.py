"""A sample takes rows by their ids: a stretch of the space of hashes, begun where the seed says."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.training.sampling import HashRange, Sample

LAST = "f" * 32
FRACTIONS = st.floats(min_value=1e-6, max_value=1.0)
SEEDS = st.integers(min_value=0, max_value=2**32 - 1)
IDS = st.text("0123456789abcdef", min_size=32, max_size=32)


def ids(count: int) -> list[str]:
    """Ids as spine rows have them: the beginning of a SHA-256."""
    return [hashlib.sha256(f'{{"order":{number}}}'.encode()).hexdigest()[:32] for number in range(count)]


def start_of(seed: int) -> int:
    return int(hashlib.sha256(f"sample {seed}".encode()).hexdigest()[:32], 16)


@given(FRACTIONS, SEEDS, IDS)
def test_texts_are_compared_as_the_numbers_they_write(fraction: float, seed: int, row_id: str) -> None:
    """The oracle counts: how far is an id behind the start, on a circle of 16^32?"""
    behind = (int(row_id, 16) - start_of(seed)) % 16**32
    # An integer times a float is exact as a ratio of integers.
    numerator, denominator = fraction.as_integer_ratio()
    assert Sample(fraction, seed).holds(row_id) is (behind < numerator * 16**32 // denominator or fraction >= 1)


@given(SEEDS)
def test_the_start_is_in_and_the_end_is_out(seed: int) -> None:
    first = Sample(0.25, seed).ranges[0].low
    beyond = f"{(start_of(seed) + 16**32 // 4) % 16**32:032x}"
    assert Sample(0.25, seed).holds(first)
    assert not Sample(0.25, seed).holds(beyond)


def test_a_stretch_that_runs_over_the_end_goes_on_from_the_beginning() -> None:
    seed = next(seed for seed in range(100) if start_of(seed) > 0.9 * 16**32)
    start, over = start_of(seed), start_of(seed) + 16**32 // 2 - 16**32
    assert Sample(0.5, seed).ranges == (HashRange(f"{start:032x}", None), HashRange("0" * 32, f"{over:032x}"))
    assert Sample(0.5, seed).holds(LAST)
    assert Sample(0.5, seed).holds("0" * 32)
    assert not Sample(0.5, seed).holds(f"{over:032x}")


def test_the_whole_takes_the_first_and_the_last_id() -> None:
    assert all(Sample(1.0, seed).holds(each) for seed in range(5) for each in ("0" * 32, LAST))


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
def test_the_share_is_near_the_fraction(fraction: float) -> None:
    """Within four standard deviations of the binomial."""
    rows = ids(20_000)
    taken = sum(Sample(fraction, seed=7).holds(each) for each in rows)
    assert abs(taken - fraction * 20_000) < 4 * (20_000 * fraction * (1 - fraction)) ** 0.5


def test_another_seed_takes_other_rows() -> None:
    rows = ids(5_000)
    one, other = ({each for each in rows if Sample(0.2, seed).holds(each)} for seed in (7, 8))
    assert one != other
    assert len(one - other) > 100


def test_a_row_is_chosen_whatever_other_rows_there_are() -> None:
    sample, rows = Sample(0.2, seed=7), ids(2_000)
    alone = {each for each in rows[:500] if sample.holds(each)}
    among_all = {each for each in reversed(rows) if sample.holds(each)}
    assert alone == among_all & set(rows[:500])


@given(SEEDS, IDS)
def test_a_smaller_sample_is_part_of_a_larger_one(seed: int, row_id: str) -> None:
    assert not Sample(0.1, seed).holds(row_id) or Sample(0.3, seed).holds(row_id)


def test_ids_are_spread_evenly() -> None:
    """Chi-square of the first digit over 16 cells: below the 0.001 quantile of 15 degrees of freedom, 37.7."""
    rows = ids(16_000)
    cells = [sum(each[0] == digit for each in rows) for digit in "0123456789abcdef"]
    assert sum((cell - 1000) ** 2 / 1000 for cell in cells) < 37.7
