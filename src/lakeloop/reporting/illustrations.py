"""Which chart shows what: the figures of a report, each with the sentence that says the same."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from lakeloop.reporting import captions
from lakeloop.reporting.arrivals import say_volume
from lakeloop.reporting.charts import (
    Chart,
    draw_bias,
    draw_comparisons,
    draw_losses,
    draw_means,
    draw_reliability,
)
from lakeloop.reporting.content import ModelReport, Report
from lakeloop.reporting.distributions import say_distribution, say_rates
from lakeloop.reporting.drift_charts import draw_distribution, draw_rates, draw_slices
from lakeloop.reporting.slices import say_slices
from lakeloop.reporting.turn_charts import draw_quarantine, draw_step_times, draw_volume

LOSS_WORDS: Mapping[str, str] = {"log_loss": "log loss", "mean_absolute_error": "mean absolute error"}
_UNITS: Mapping[str, str] = {"log_loss": "log loss, nats", "mean_absolute_error": "mean absolute error, label's unit"}

Drawn = Mapping[str, tuple[Markup, Markup] | None]


def illustrate_model(part: ModelReport, name: str) -> Drawn:
    """Draw the charts of a model.

    Args:
        part: What is shown of it.
        name: Prefix of the ids, one for each model of the page.

    Returns:
        Chart by its name, wide and narrow; None where there is nothing to draw.

    >>> from lakeloop.reporting.calibration import Calibration, ScoreStretch
    >>> from lakeloop.reporting.content import Headline, State
    >>> calibration = Calibration("1", windows=1, stretches=(ScoreStretch("0.1 to 0.2", 600, 0.15, 0.14),))
    >>> headline = Headline(State.UNKNOWN, (), "", "", "")
    >>> part = ModelReport("late_arrival", "", "log_loss", None, None, headline, calibration=calibration)
    >>> [chart for chart, drawn in illustrate_model(part, "m1").items() if drawn is not None]
    ['reliability']
    """
    words = LOSS_WORDS.get(part.loss_name, part.loss_name.replace("_", " "))
    is_share = part.loss_name == "log_loss"
    return {
        "loss": _ready(
            draw_losses(
                f"{name}-loss",
                part.windows,
                part.promotions,
                _UNITS.get(part.loss_name, words),
                captions.say_losses(part.windows, words),
                part.estimates.windows,
            )
        ),
        "bias": _ready(
            draw_bias(
                f"{name}-bias",
                part.windows,
                part.bias_limit,
                "predicted minus realised",
                captions.say_bias(part.windows, part.bias_limit),
            )
        ),
        "reliability": _ready(
            draw_reliability(f"{name}-reliability", part.calibration, captions.say_calibration(part.calibration))
        ),
        "means": None
        if is_share
        else _ready(draw_means(f"{name}-means", part.windows, "label's unit", captions.say_means(part.windows))),
        "comparisons": _ready(
            draw_comparisons(f"{name}-comparisons", part.promotions, words, captions.say_comparisons(part.promotions))
        ),
        "slices": _ready(
            draw_slices(
                f"{name}-slices",
                part.slices.measured,
                part.bias_limit,
                "predicted minus realised",
                say_slices(part.slices),
            )
        ),
        "rates": _ready(draw_rates(f"{name}-rates", part.rates, part.label or "mean label", say_rates(part.rates))),
    }


def illustrate_distributions(part: ModelReport, name: str) -> tuple[tuple[Markup, Markup] | None, ...]:
    """Draw the shares of the score, and of the label's classes.

    Args:
        part: What is shown of the model.
        name: Prefix of the ids, one for each model of the page.

    Returns:
        One chart per distribution, in their order; None where there is nothing to draw.

    >>> from lakeloop.reporting.content import Headline, State
    >>> headline = Headline(State.UNKNOWN, (), "", "", "")
    >>> illustrate_distributions(ModelReport("late_arrival", "", "log_loss", None, None, headline), "m1")
    ()
    """
    return tuple(
        _ready(draw_distribution(f"{name}-shares-{number}", found, say_distribution(found)))
        for number, found in enumerate(part.distributions, 1)
    )


def illustrate_report(report: Report) -> Drawn:
    """Draw the charts that belong to no model.

    Args:
        report: What is shown.

    Returns:
        Chart by its name, wide and narrow; None where there is nothing to draw.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.reporting.content import StepTime, StepTimes
    >>> may = datetime(2013, 5, 1, tzinfo=UTC)
    >>> times = StepTimes((may,), (StepTime("run", "train", "late_arrival", (41.0,)),))
    >>> drawn = illustrate_report(Report("flights", "", "UTC", may, times=times))
    >>> "train late_arrival" in drawn["times"][0], drawn["quarantine"]
    (True, None)
    """
    history, times = report.quality, report.times
    steps = [
        (" ".join(filter(None, (step.step, step.subject))), step.seconds[0])
        for step in times.steps
        if not step.is_whole
    ]
    volumes = [(row.source, [cell.read for cell in row.cells]) for row in history.sources]
    return {
        "volume": _ready(draw_volume("volume", history.turns, volumes, say_volume(history))),
        "quarantine": _ready(
            draw_quarantine(
                "quarantine",
                list(zip(history.turns, history.quarantined, strict=True)),
                captions.say_quality(history),
            )
        ),
        "times": _ready(
            draw_step_times(
                "times",
                [(label, seconds) for label, seconds in steps if seconds is not None],
                captions.say_times(times),
            )
        ),
    }


def _ready(chart: Chart | None) -> tuple[Markup, Markup] | None:
    """Mark what matplotlib wrote, whose texts are escaped, as HTML."""
    return None if chart is None else (Markup(chart.wide), Markup(chart.narrow))  # noqa: S704
