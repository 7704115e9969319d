"""A published model: its files and all that an answer needs to know, in one folder that a server opens.

`<workspace>/serving/<model>/<bundle id>/` holds `bundle.json` and the model's files as they were registered;
`<workspace>/serving/<model>/current.json` names the bundle that is served, and is replaced whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class BundleTable:
    """A gold table that the model looks up in.

    Attributes:
        table: Its name; feature f is the model's column `<table>__f`.
        entity: Key columns, named alike in a request.
        features: Features that the model uses.
        every: Tick of a windowed table; None for attributes.
        ttl: Age, from `event_ts`, after which a state is EXPIRED.
        spec_hash: Hash of the declaration by which the model learned from it; a store that serves another is refused.
    """

    table: str
    entity: tuple[str, ...]
    features: tuple[str, ...]
    every: timedelta | None
    ttl: timedelta | None
    spec_hash: str


@dataclass(frozen=True)
class Bundle:
    """What a server knows of the model that it serves.

    Attributes:
        bundle_id: Hash of everything below but the instant.
        model: Registered name.
        version: Number of the champion.
        run_key: Hash of what the version is made from.
        content_hash: Checksum of the model's files, as they were registered.
        task: Kind of label: classification, multiclass or regression.
        classes: Classes of a multiclass label, in the declared order.
        timezone: Zone of the on-demand calls' wall clock.
        id_columns: Columns of the spine that identify a row; `prediction_id` is the hash of them.
        columns: Column of a request -> its type, as Spark names it: entity keys, known columns, arguments of
            on-demand calls and id columns.
        required: Those that a request has to give; the other ones only make up the id.
        on_demand: On-demand column -> call; computed by the model's own first step.
        inputs: Columns that the model is given, in order: `columns` of the request and `<table>__<feature>`.
        tables: Gold tables that are looked up in.
        trained_through: Greatest `available_ts` that touched the version.
        published_as_of: Logical now of the publish.
    """

    bundle_id: str
    model: str
    version: str
    run_key: str
    content_hash: str
    task: str
    classes: tuple[str, ...]
    timezone: str
    id_columns: tuple[str, ...]
    columns: Mapping[str, str]
    required: tuple[str, ...]
    on_demand: Mapping[str, str]
    inputs: tuple[str, ...]
    tables: tuple[BundleTable, ...]
    trained_through: datetime
    published_as_of: datetime
