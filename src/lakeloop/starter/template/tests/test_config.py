"""The configuration is valid, and means what we think. No Spark."""

from lakeloop.testing import Sandbox


def test_the_plan_is_as_expected(sandbox: Sandbox) -> None:
    plan = sandbox.plan()  # every mistake in conf/ is told here, with its line
    assert [source.source for source in plan.sources] == ["deliveries", "orders"]
    assert {table.feature_table: table.features for table in plan.feature_tables} == {
        "courier_delays": (
            "mean_is_late_1d",
            "mean_is_late_3d",
            "count_is_late_1d",
            "count_is_late_3d",
            "mean_delay_minutes_1d",
        )
    }
    (model,) = plan.models
    assert model.columns[:4] == ("courier", "items", "distance_km", "hour_of_day")
    assert len(model.columns) == 9


def test_nothing_that_is_known_only_afterwards_is_a_feature(sandbox: Sandbox) -> None:
    assert not {"delivered_ts", "delay_minutes", "is_late"} & {*sandbox.config.models["late_delivery"].predict.known}
