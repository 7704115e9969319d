"""Whether what is declared now still is what the tables and the champion were made by."""

from __future__ import annotations

from pyspark.sql.types import StructType

from lakeloop.config.columns import input_columns, model_columns, resolve_features
from lakeloop.config.model import Model
from lakeloop.config.source import Mode, Source
from lakeloop.config.tree import Config
from lakeloop.errors import ConflictError, Failure
from lakeloop.runs.bronze import bronze_schema
from lakeloop.runs.new_columns import is_added
from lakeloop.tables import Lake, TableAddress, count_logged_rows, identity_hash, read_properties

PACKAGES_TAG = "packages"
"""Tag of a run and its version: package -> version that took part in the fit, as JSON."""

SERVING_TAG = "serving_hash"
"""Tag of a model version: `serving_hash` of the declaration it was trained by."""

_SOURCE_REMEDY = "undo the change of the source's {}, or give the changed source a new name{}"
MODEL_REMEDY = (
    "undo the change, or give the changed model a new name (a file of its own in conf/base/models), which is trained"
    " and serves from its own first turn on"
)


def assert_same_columns(lake: Lake, address: TableAddress, declared: StructType, remedy: str) -> None:
    """Refuse a declaration whose columns are not those of the table it was written by.

    Args:
        lake: The tables.
        address: The table; nothing is asked of one that does not exist yet.
        declared: Columns as they are declared now.
        remedy: What to do when they differ.

    Raises:
        ConflictError: With the columns that were added, removed or given another type.

    >>> from pyspark.sql.types import StringType
    >>> orders = context.lake.address("bronze", "orders")
    >>> there = context.lake.columns(orders)
    >>> try:
    ...     assert_same_columns(context.lake, orders, StructType([*there.fields]).add("tip", StringType()), "undo it")
    ... except ConflictError as error:
    ...     print(error)
    bronze.orders: conflicts with what is recorded
      - tip: was added as string; the table lacks it
      remedy: undo it
    """
    if not lake.exists(address):
        return
    # A column that was taken from a file without being declared stays, whatever is declared of new ones now.
    kept = [each for each in lake.columns(address).fields if each.name in declared.fieldNames() or not is_added(each)]
    there, now = _types(StructType(kept)), _types(declared)
    failures = [
        *(Failure(name, f"was removed; the table has it as {there[name]}") for name in there if name not in now),
        *(Failure(name, f"was added as {now[name]}; the table lacks it") for name in now if name not in there),
        *(
            Failure(name, f"was {there[name]}, is declared {now[name]} now")
            for name in now
            if name in there and there[name] != now[name]
        ),
    ]
    if failures:
        raise ConflictError(str(address), failures, remedy)


def assert_same_source(lake: Lake, source: Source) -> None:
    """Refuse a source whose columns or key are not those its accepted rows were judged by.

    Rows of bronze are one per key, or the versions of one: under another key, or without versions, several of them
    would stand for one. While no row is accepted, key and mode may change.

    Args:
        lake: The tables.
        source: The source's declaration.

    Raises:
        ConflictError: With what was changed.

    >>> orders = context.config.sources["orders"]
    >>> assert_same_source(context.lake, orders)
    >>> try:
    ...     assert_same_source(context.lake, orders.model_copy(update={"key": ("order", "shop")}))
    ... except ConflictError as error:
    ...     print(error.failures[0])
    key: was order, is declared order, shop now
    """
    address = lake.address("bronze", source.source)
    folder = "" if source.landing is None else " and a landing folder of its own"
    assert_same_columns(lake, address, bronze_schema(source), _SOURCE_REMEDY.format("columns", folder))
    said = read_properties(lake, address)
    key, mode = said.get("key"), said.get("mode")
    failures = []
    if key and set(key.split(", ")) != set(source.key):
        failures.append(Failure("key", f"was {key}, is declared {', '.join(source.key)} now"))
    if mode == Mode.UPSERT and source.mode is Mode.APPEND:
        failures.append(Failure("mode", f"was {mode}, is declared {source.mode} now: keys have several rows already"))
    if failures and not _is_empty(lake, address):
        what = " and ".join(each.name for each in failures)
        raise ConflictError(str(address), failures, _SOURCE_REMEDY.format(what, folder))


def _is_empty(lake: Lake, address: TableAddress) -> bool:
    rows = count_logged_rows(lake, address)
    return lake.read_uncut(address).isEmpty() if rows is None else rows == 0


def _types(columns: StructType) -> dict[str, str]:
    return {field.name: str(field.dataType.simpleString()) for field in columns.fields}


def serving_hash(config: Config, model: Model) -> str:
    """Hash what has to stay the same while a champion of a model serves.

    Args:
        config: The project.
        model: The model's declaration.

    Returns:
        A hash of what is predicted, of which rows, from which columns; not of how it is trained, judged or watched.

    >>> config, model = context.config, context.config.models["late"]
    >>> reworded, changed = (model.model_copy(update=each) for each in ({"description": "new"}, {"on_demand": {}}))
    >>> [serving_hash(config, each) == serving_hash(config, model) for each in (reworded, changed)]
    [True, False]
    """
    declared = model.model_dump(mode="json", by_alias=True, include={"predict", "label", "on_demand"})
    features = sorted(each.column for each in resolve_features(config, model))
    return identity_hash(declared, features, model_columns(config, model), input_columns(config, model), model.task)


def assert_same_model(config: Config, model: Model, trained_as: str | None) -> None:
    """Refuse to let a champion answer for another declaration than its own.

    Args:
        config: The project.
        model: The model's declaration.
        trained_as: `serving_hash` of the declaration the champion was trained by; None when it was not noted.

    Raises:
        ConflictError: If they differ.

    >>> config, model = context.config, context.config.models["late"]
    >>> assert_same_model(config, model, serving_hash(config, model))
    >>> try:
    ...     assert_same_model(config, model, "another")
    ... except ConflictError as error:
    ...     print(error.failures[0])
    declaration: predict, label, features or on_demand is not what the champion was trained by
    """
    if trained_as is not None and trained_as != serving_hash(config, model):
        found = Failure("declaration", "predict, label, features or on_demand is not what the champion was trained by")
        raise ConflictError(f"model {model.model}", [found], MODEL_REMEDY)
