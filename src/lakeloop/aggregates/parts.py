"""The parts that several aggregates share: in double precision, nulls left out."""

from __future__ import annotations

from lakeloop.aggregates.aggregate import Part

COUNT = Part("n", "cast(count({value}) as double)", "sum")
SUM = Part("s", "sum({value})", "sum")
SQUARES = Part("q", "sum({value} * {value})", "sum")
LEAST = Part("lo", "min({value})", "min")
GREATEST = Part("hi", "max({value})", "max")
