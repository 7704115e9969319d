"""The report as one HTML page that needs nothing else: styles and drawing inside, no script, no request."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from lakeloop.reporting import captions
from lakeloop.reporting.arrivals import say_ages, say_volume, show_age
from lakeloop.reporting.content import ModelReport, Report
from lakeloop.reporting.details import name_lost, say_details
from lakeloop.reporting.distributions import say_distribution, say_rates
from lakeloop.reporting.drift import count_drifts, describe_cell, only, rate_cell
from lakeloop.reporting.estimates import say_estimates
from lakeloop.reporting.headline import summarise_data
from lakeloop.reporting.illustrations import (
    LOSS_WORDS,
    illustrate_distributions,
    illustrate_model,
    illustrate_report,
)
from lakeloop.reporting.served import say_served
from lakeloop.reporting.severity import say_severity, severity_of, severity_word
from lakeloop.reporting.slices import say_moved, say_slices

MISSING = "-"
MAX_TEXT = 600
"""Characters of one text shown; a longer one is cut and says so."""

MAX_COLUMNS, MIN_COLUMNS = 240, 20
"""Columns of drift shown: on the whole page, and least per model; what drifted comes first."""

_TONES: dict[str, str] = {
    **dict.fromkeys(("PASS", "OK", "STABLE", "CONSISTENT", "promoted", "ok", "done", "WRITTEN"), "good"),
    **dict.fromkeys(("FAIL", "DRIFT", "SKEWED", "failed", "act"), "bad"),
    **dict.fromkeys(("WARN", "rejected", "held", "watch", "retrain", "recalibrate", "notify"), "warn"),
    **dict.fromkeys(("RECORDED", "NOT_APPLICABLE", "none", "skipped"), "quiet"),
}


def render_report(report: Report) -> str:
    """Render the report.

    Args:
        report: What to show.

    Returns:
        A complete HTML document, UTF-8; every recorded text is escaped and bounded.

    >>> page = render_report(Report("flights", "", "UTC", datetime(2013, 5, 1, tzinfo=UTC)))
    >>> "no model is declared" in page
    True
    """
    data_state, data_line = summarise_data(report.sources)
    return (
        page_environment()
        .get_template("report.html")
        .render(
            report=report,
            data_state=data_state,
            data_line=data_line,
            local=f"{report.as_of.astimezone(ZoneInfo(report.timezone)):%Y-%m-%d %H:%M}",
            charts=[illustrate_model(part, f"m{number}") for number, part in enumerate(report.models, 1)],
            shares=[illustrate_distributions(part, f"m{number}") for number, part in enumerate(report.models, 1)],
            shared=illustrate_report(report),
            columns_shown=max(MIN_COLUMNS, MAX_COLUMNS // max(len(report.models), 1)),
        )
    )


@cache
def page_environment() -> Environment:
    """Give the environment of the pages: everything is escaped, every figure has one form.

    >>> page_environment().from_string("{{ word | text }}").render(word="<b>")
    '&lt;b&gt;'
    """
    environment = Environment(
        loader=PackageLoader("lakeloop.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "instant": show_instant,
        "day": show_day,
        "number": show_number,
        "signed": show_signed,
        "share": show_share,
        "count": show_count,
        "seconds": show_seconds,
        "text": show_text,
        "tone": tone_of,
        "drifts": count_drifts,
        "rate": rate_cell,
        "describe_cell": describe_cell,
        "loss_words": loss_words,
        "counted": captions.count_of,
        "say_turns": captions.say_turns,
        "say_losses": captions.say_losses,
        "say_bias": captions.say_bias,
        "say_comparisons": captions.say_comparisons,
        "say_calibration": captions.say_calibration,
        "say_served": say_served,
        "say_means": captions.say_means,
        "say_drift": captions.say_drift,
        "say_quality": captions.say_quality,
        "say_times": captions.say_times,
        "say_slices": say_slices,
        "say_moved": say_moved,
        "say_estimates": say_estimates,
        "say_distribution": say_distribution,
        "say_rates": say_rates,
        "say_severity": say_severity,
        "say_details": say_details,
        "say_volume": say_volume,
        "say_ages": say_ages,
        "age": show_age,
        "severity": severity_of,
        "severity_word": severity_word,
        "lost": name_lost,
        "only": only,
    }
    environment.tests["classifier"] = _has_probabilities
    environment.tests["ranking"] = _has_areas
    return environment


def loss_words(part: ModelReport) -> str:
    """Name a model's loss in words.

    >>> from lakeloop.reporting.content import Headline, State
    >>> loss_words(ModelReport("late", "", "log_loss", None, None, Headline(State.OK, (), "", "", "")))
    'log loss'
    """
    return LOSS_WORDS.get(part.loss_name, part.loss_name.replace("_", " "))


def _has_probabilities(part: ModelReport) -> bool:
    """Whether the scores are probabilities."""
    return part.loss_name == "log_loss"


def _has_areas(part: ModelReport) -> bool:
    """Whether an area under the curve was found in some window: of several classes there is none."""
    return _has_probabilities(part) and any(window.auc is not None for window in part.windows)


def show_instant(instant: datetime | None) -> str:
    """Show an instant in UTC, to the minute.

    >>> show_instant(datetime(2013, 5, 1, 4, tzinfo=UTC)), show_instant(None)
    ('2013-05-01 04:00', '-')
    """
    return MISSING if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def show_day(instant: datetime | None) -> str:
    """Show the UTC date of an instant.

    >>> show_day(datetime(2013, 5, 1, 4, tzinfo=UTC))
    '2013-05-01'
    """
    return show_instant(instant)[:10]


def show_number(value: float | None, digits: int = 4) -> str:
    """Show a figure with fixed digits; two fewer from 10 on, where they say nothing.

    >>> show_number(0.48214), show_number(24.56761), show_number(None)
    ('0.4821', '24.57', '-')
    """
    return MISSING if value is None else f"{value:.{_digits(value, digits)}f}"


def show_signed(value: float | None, digits: int = 4) -> str:
    """Show a difference with its sign.

    >>> show_signed(0.0123, 3), show_signed(-0.5, 1), show_signed(None)
    ('+0.012', '-0.5', '-')
    """
    return MISSING if value is None else f"{value:+.{_digits(value, digits)}f}"


def _digits(value: float, digits: int) -> int:
    return max(digits - 2, 0) if abs(value) >= 10 else digits


def show_share(value: float | None) -> str:
    """Show a share as a percentage.

    >>> show_share(0.125)
    '12.5%'
    """
    return MISSING if value is None else f"{value:.1%}"


def show_count(value: int | None) -> str:
    """Show a count.

    >>> show_count(28330), show_count(None)
    ('28,330', '-')
    """
    return MISSING if value is None else f"{value:,}"


def show_seconds(value: float | None) -> str:
    """Show a duration.

    >>> show_seconds(7.25), show_seconds(123.4), show_seconds(None)
    ('7.2 s', '2 min 03 s', '-')
    """
    if value is None:
        return MISSING
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60):02d} s"


def show_text(value: object) -> str:
    """Show a recorded text, cut where it is very long.

    >>> show_text("x" * 700)[-22:]
    '... (100 more letters)'
    """
    text = MISSING if value is None else str(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} ... ({len(text) - MAX_TEXT} more letters)"


def tone_of(word: object) -> str:
    """Name the colour of a status word: good, bad, warn, quiet, or unknown for what was not judged.

    >>> tone_of("DRIFT"), tone_of("TOO_FEW_ROWS")
    ('bad', 'unknown')
    """
    return _TONES.get(str(word), "unknown")
