"""The lake's own tables: columns with their meaning, grain, the column that time is cut by, and what is volatile.

Bronze, gold, training and prediction tables take their columns from the project; `added` says what is added to them.
Volatile columns (wall-clock stamps, run ids, places of files) are left out when two tables are compared.
"""

from __future__ import annotations

from lakeloop.schemas.added import (
    BRONZE_COLUMNS,
    BRONZE_VOLATILE,
    CLASS_SCORES,
    PREDICTED_CLASS,
    PREDICTION_COLUMNS,
    QUARANTINE_COLUMNS,
    REASON,
    TRAINING_COLUMNS,
    prediction_columns,
    training_columns,
)
from lakeloop.schemas.monitoring import (
    DRIFT_METRICS,
    ESTIMATED_PERFORMANCE,
    LABEL_SLICE,
    LEAKAGE,
    PERFORMANCE,
    PROFILE_METRICS,
    QUALITY,
    SCORE_SLICE,
)
from lakeloop.schemas.ops import (
    DECISIONS,
    FEATURE_BUILDS,
    FLAGS,
    INGESTED_BATCHES,
    INGESTED_FILES,
    PROMOTIONS,
    REPLAYS,
    RUNS,
    TRAINING_SET_EVENTS,
    TRAINING_SETS,
)
from lakeloop.schemas.table import (
    AS_OF,
    ATTEMPT,
    DATE,
    DOUBLE,
    INSTANT,
    INT,
    LONG,
    MODEL,
    TEXT,
    TRUTH,
    VERSION,
    WINDOW,
    TableSchema,
    column,
    declare_table,
)

__all__ = [
    "AS_OF",
    "ATTEMPT",
    "BRONZE_COLUMNS",
    "BRONZE_VOLATILE",
    "CLASS_SCORES",
    "DATE",
    "DECISIONS",
    "DOUBLE",
    "DRIFT_METRICS",
    "ESTIMATED_PERFORMANCE",
    "FEATURE_BUILDS",
    "FLAGS",
    "INGESTED_BATCHES",
    "INGESTED_FILES",
    "INSTANT",
    "INT",
    "LABEL_SLICE",
    "LEAKAGE",
    "LONG",
    "MODEL",
    "OWN_TABLES",
    "PERFORMANCE",
    "PREDICTED_CLASS",
    "PREDICTION_COLUMNS",
    "PROFILE_METRICS",
    "PROMOTIONS",
    "QUALITY",
    "QUARANTINE_COLUMNS",
    "REASON",
    "REPLAYS",
    "RUNS",
    "SCORE_SLICE",
    "TEXT",
    "TRAINING_COLUMNS",
    "TRAINING_SETS",
    "TRAINING_SET_EVENTS",
    "TRUTH",
    "VERSION",
    "WINDOW",
    "TableSchema",
    "column",
    "declare_table",
    "prediction_columns",
    "training_columns",
]

OWN_TABLES: tuple[TableSchema, ...] = (
    *(
        INGESTED_FILES,
        INGESTED_BATCHES,
        REPLAYS,
        FEATURE_BUILDS,
        QUALITY,
        PROFILE_METRICS,
        DRIFT_METRICS,
        PERFORMANCE,
        ESTIMATED_PERFORMANCE,
        LEAKAGE,
    ),
    *(FLAGS, DECISIONS, TRAINING_SETS, TRAINING_SET_EVENTS, PROMOTIONS, RUNS),
)
"""Tables whose columns do not depend on the project."""
