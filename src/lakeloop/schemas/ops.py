"""Tables of what was done: files and batches, builds, flags and decisions, training sets, promotions, runs."""

from __future__ import annotations

from pyspark.sql.types import ArrayType

from lakeloop.schemas.table import AS_OF, ATTEMPT, DOUBLE, INSTANT, LONG, MODEL, TEXT, VERSION, column, declare_table

INGESTED_FILES = declare_table(
    "ops",
    "ingested_files",
    "landed file seen, or stretch read",
    "as_of",
    [
        column("source", TEXT, "source the file belongs to", required=True),
        column("file", TEXT, "path below the landing folder", required=True),
        column("content_hash", TEXT, "SHA-256 of the bytes", required=True),
        column("size_bytes", LONG, "size", required=True),
        column("modified_ns", LONG, "modification time of the file, nanoseconds; volatile", required=True),
        column("status", TEXT, "ADMITTED, REFUSED or DUPLICATE_CONTENT", required=True),
        column("reason", TEXT, "why it was refused"),
        column("raw_rows", LONG, "records counted when the file was read to its end"),
        column(
            "stretch", TEXT, "what was read where it is: from where, after what, through what, as JSON; null of a file"
        ),
        AS_OF,
    ],
    ["modified_ns"],
)

INGESTED_BATCHES = declare_table(
    "ops",
    "ingested_batches",
    "micro-batch of one source (law 5: read = accepted + quarantined + exact duplicates + superseded)",
    "as_of",
    [
        column("source", TEXT, "source", required=True),
        column("batch_id", LONG, "micro-batch", required=True),
        column("files", LONG, "landed files in the batch", required=True),
        column("rows_read", LONG, "records counted at admission", required=True),
        column("rows_accepted", LONG, "rows committed to bronze", required=True),
        column("rows_quarantined", LONG, "rows committed to quarantine", required=True),
        column("rows_duplicate", LONG, "rows equal to an accepted row in every landed column", required=True),
        column("rows_superseded", LONG, "rows replaced by a newer row of the same key", required=True),
        column("rows_warned", LONG, "accepted rows that broke a rule of severity warn", required=True),
        AS_OF,
    ],
    ["batch_id"],
)

REPLAYS = declare_table(
    "ops",
    "replays",
    "replay of a quarantine (law 5: read = accepted + still quarantined + exact duplicates)",
    "as_of",
    [
        *INGESTED_BATCHES.columns.fields[:1],
        column("rule", TEXT, "rule whose rows were judged again; null for all"),
        column("rows_read", LONG, "quarantined rows that were judged again", required=True),
        column("rows_accepted", LONG, "rows committed to bronze", required=True),
        column("rows_quarantined", LONG, "rows that stay in quarantine", required=True),
        *INGESTED_BATCHES.columns.fields[-4:],
    ],
)

FEATURE_BUILDS = declare_table(
    "ops",
    "feature_builds",
    "build of one gold table, or of a range of it by a backfill",
    "as_of",
    [
        column("feature_table", TEXT, "gold table", required=True),
        column("built_from", INSTANT, "the rows stand after this instant, UTC; null at first"),
        column("built_through", INSTANT, "the table is complete up to here, UTC", required=True),
        column("rows", LONG, "rows written", required=True),
        column("spec_hash", TEXT, "hash of the table's declaration", required=True),
        column("gold_version", LONG, "Delta version of the gold table after the build; volatile", required=True),
        AS_OF,
    ],
    ["gold_version"],
)

FLAGS = declare_table(
    "ops",
    "flags",
    "event of a flag",
    "as_of",
    [
        column("flag_id", TEXT, "hash of model, version, kind, subject and window end", required=True),
        column("event", TEXT, "raised, claimed, resolved, superseded or expired", required=True),
        column("kind", TEXT, "what the flag is about", required=True),
        MODEL,
        VERSION,
        column("subject", TEXT, "column, metric or source", required=True),
        column("window_end", INSTANT, "end of the window it was raised for, UTC"),
        column("evidence", TEXT, "why, or how it ended, as JSON", required=True),
        AS_OF,
    ],
)

DECISIONS = declare_table(
    "ops",
    "decisions",
    "decision of one model x attempt",
    "as_of",
    [
        column("decision_id", TEXT, "hash of model, as_of and attempt", required=True),
        MODEL,
        column("action", TEXT, "none, notify, recalibrate or retrain", required=True),
        column("reasons", ArrayType(TEXT, False), "every rule and what it said", required=True),
        column("policy", TEXT, "the policy applied, as JSON", required=True),
        column("inputs", TEXT, "everything the policy looked at, as JSON", required=True),
        ATTEMPT,
        AS_OF,
    ],
)

TRAINING_SETS = declare_table(
    "ops",
    "training_sets",
    "training set",
    "as_of",
    [
        column("training_set_id", TEXT, "hash of what it is made from", required=True),
        MODEL,
        column("spec_hash", TEXT, "hash of the model's and its tables' declarations", required=True),
        column("inputs", TEXT, "every input table with its Delta version and built_through, as JSON", required=True),
        column("windows", TEXT, "first and last day of train, validation and holdout, as JSON", required=True),
        column("seed", LONG, "seed of everything random", required=True),
        column("rows", LONG, "rows", required=True),
        column("content_hash", TEXT, "hash of the rows, whatever their order", required=True),
        column("data_through", INSTANT, "greatest available_ts of any label or feature used, UTC", required=True),
        column("delta_version", LONG, "Delta version of the table that holds the rows; volatile", required=True),
        column("packages", TEXT, "versions of what made it, as JSON; volatile"),
        column("engine", TEXT, "spark or local: what joined it; volatile"),
        AS_OF,
    ],
    ["delta_version", "inputs", "packages", "engine"],
)

TRAINING_SET_EVENTS = declare_table(
    "ops",
    "training_set_events",
    "training set x event",
    "as_of",
    [
        column("training_set_id", TEXT, "training set", required=True),
        MODEL,
        column("event", TEXT, "retired: its inputs are held back no longer", required=True),
        column("reason", TEXT, "why, as it was said"),
        AS_OF,
    ],
)

PROMOTIONS = declare_table(
    "ops",
    "promotions",
    "event of a model version: judged by the gate, promoted, approved, rolled back to, archived",
    "as_of",
    [
        column("promotion_id", TEXT, "name of the event", required=True),
        MODEL,
        VERSION,
        column("ledger_seq", LONG, "place in the model's ledger, from 1 without gaps", required=True),
        column("event", TEXT, "gate, promote, approve, rollback or archive", required=True),
        column("outcome", TEXT, "promoted, rejected, held or archived", required=True),
        column("actor", TEXT, "who or what did it", required=True),
        column("reason", TEXT, "why, as the person said; null of the gate"),
        column("previous_version", TEXT, "champion before"),
        column("training_set_id", TEXT, "training set", required=True),
        column("run_key", TEXT, "hash of model, training set, declaration and seed", required=True),
        column("trained_through", INSTANT, "greatest available_ts that touched the version, UTC", required=True),
        column("reasons", ArrayType(TEXT, False), "why it was rejected or held, or what it showed", required=True),
        column(
            "evidence", TEXT, "every check with value, bound and status, or what stood for them; JSON", required=True
        ),
        column("recorded_ts", INSTANT, "wall-clock instant of the event, UTC; volatile", required=True),
        AS_OF,
    ],
    ["recorded_ts"],
)

PUBLISHES = declare_table(
    "ops",
    "publishes",
    "gold table of a publish of a model; a model without gold tables has one row",
    "as_of",
    [
        MODEL,
        column("model_version", TEXT, "version in the registry", required=True),
        column("bundle_id", TEXT, "bundle that servers open", required=True),
        column("table", TEXT, "gold table; null of a model that looks up in none"),
        column("generation", TEXT, "set of rows that the online store serves"),
        column("built_through", INSTANT, "the rows are complete up to here, UTC"),
        column("delta_version", LONG, "Delta version they were read from; volatile"),
        column("rows", LONG, "states written to the online store", required=True),
        column("outcome", TEXT, "WRITTEN, or SKIPPED when all was served already", required=True),
        AS_OF,
    ],
    ["delta_version"],
)

SCORING_PARITY = declare_table(
    "ops",
    "scoring_parity",
    "comparison of two scoring engines: model version x environment x status",
    "as_of",
    [
        MODEL,
        column("model_version", TEXT, "version in the registry", required=True),
        column("engine", TEXT, "engine that was compared with spark_udf", required=True),
        column("environment", TEXT, "hash of the versions of the packages that answers depend on", required=True),
        column("rows", LONG, "rows that were compared", required=True),
        column(
            "max_abs_difference",
            DOUBLE,
            "greatest difference of two answers; infinite where one engine alone answered; null without rows",
        ),
        column("status", TEXT, "OK, DIFFERENT or NO_ROWS", required=True),
        AS_OF,
    ],
)

NOTIFICATIONS = declare_table(
    "ops",
    "notifications",
    "step of a message in a channel; the one with the most attempts says what became of it",
    "as_of",
    [
        column("notification_id", TEXT, "the message: id of the flag, the decision, ...", required=True),
        column("channel", TEXT, "channel, by its declared name", required=True),
        column("about", TEXT, "flag, decision, promotion or recovery", required=True),
        column("kind", TEXT, "kind of the flag, action of the decision, outcome of the promotion", required=True),
        column("model", TEXT, "model", required=True),
        column("subject", TEXT, "column, metric or source; empty where it is about none", required=True),
        column("status", TEXT, "HELD, FAILED, SENT, SKIPPED or GIVEN_UP", required=True),
        column("attempts", LONG, "turns in which the channel was to carry it, up to this one", required=True),
        column("error", TEXT, "what went wrong, bounded, without secrets; volatile"),
        column("message", TEXT, "the message as JSON while it waits to be sent; null once it is not"),
        column("recorded_ts", INSTANT, "wall-clock instant of the step, UTC; volatile", required=True),
        AS_OF,
    ],
    ["error", "recorded_ts"],
)

RUNS = declare_table(
    "ops",
    "runs",
    "step of a job",
    "as_of",
    [
        column("run_id", TEXT, "id of the call, drawn anew for each; volatile", required=True),
        column("job", TEXT, "verb that was called", required=True),
        column("step", TEXT, "step, or the verb itself for the whole", required=True),
        column("subject", TEXT, "model the step was for"),
        column("outcome", TEXT, "done, failed or skipped", required=True),
        column("result", TEXT, "what the step reported, as JSON", required=True),
        column("started_ts", INSTANT, "wall-clock start, UTC; volatile", required=True),
        column("seconds", DOUBLE, "wall-clock duration; volatile", required=True),
        AS_OF,
        column("cpu_seconds", DOUBLE, "processor time of Python and its Java process; of no executor; volatile"),
        column("peak_python_bytes", LONG, "resident memory of Python at most, since its start; volatile"),
        column("peak_java_bytes", LONG, "resident memory of its Java process at most, since its start; volatile"),
        column("rows_written", LONG, "rows committed to tables by this call; volatile"),
        column("bytes_written", LONG, "bytes of the files added by these commits; null if unknown; volatile"),
        column(
            "tables", TEXT, "table -> is_read, rows_read, commits, rows_written, bytes_written, version; JSON; volatile"
        ),
    ],
    [
        *("run_id", "started_ts", "seconds", "result", "cpu_seconds", "peak_python_bytes", "peak_java_bytes"),
        *("rows_written", "bytes_written", "tables"),
    ],
)
