"""What a version of several classes answers with on Spark: brought into the declared order, and what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.errors import ConflictError, Failure
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.declared import MODEL_REMEDY

CLASSES_FILE = "classes.json"
"""Document of a run: names of several classes in the order in which the logged model gives their probabilities."""

_CLASSES = "classes"


def describe_classes(model: Model, pipeline: Any) -> dict[str, list[str]]:
    """Name the classes in the order of the probabilities that a pipeline gives.

    Args:
        model: The model's declaration, of several classes.
        pipeline: A fitted pipeline; it knows classes by their places.

    Returns:
        The content of `CLASSES_FILE`.

    >>> from sklearn.dummy import DummyClassifier
    >>> label = shops.models["late"].label.model_copy(update={"classes": ("in_time", "late", "lost")})
    >>> fitted = DummyClassifier().fit([[0], [0]], [2, 1])
    >>> describe_classes(shops.models["late"].model_copy(update={"label": label}), fitted)
    {'classes': ['late', 'lost']}
    """
    return {_CLASSES: [model.label.classes[int(place)] for place in pipeline.classes_]}


def read_classes(context: Context, version: ModelVersion) -> list[str]:
    """Read in which order a version gives the probabilities of classes.

    Args:
        context: Registry.
        version: The version.

    Returns:
        The names.

    Raises:
        ConflictError: If the version did not record it.

    >>> newest = context.registry.list_versions("late")[-1]
    >>> try:
    ...     read_classes(context, newest)  # its label is yes or no
    ... except ConflictError as error:
    ...     print(str(error.failures[0]).partition(" of run")[0])
    registry: classes.json
    """
    return [str(name) for name in context.registry.read_document(version, CLASSES_FILE)[_CLASSES]]


def add_class_scores(scored: DataFrame, answer: str, known: Sequence[str], classes: Sequence[str]) -> DataFrame:
    """Add what a model of several classes predicts: the class, how sure it is of it, and of all of them.

    Args:
        scored: Rows with the probabilities that a version answered with.
        answer: Column of them, an array.
        known: Classes in the order of that array.
        classes: Classes in the declared order.

    Returns:
        The rows with `class_scores` in the declared order (0 for a class that the version does not know),
        `predicted_class` (of equally likely ones the first declared) and `score`, its probability.

    Raises:
        ConflictError: If the version knows a class that is not declared.

    >>> answered = spark.sql("select array(0.25d, 0.5d, 0.25d) as answer")
    >>> found = add_class_scores(answered, "answer", ["lost", "late", "in_time"], ["in_time", "late", "lost"])
    >>> found.drop("answer").first()
    Row(class_scores=[0.25, 0.5, 0.25], predicted_class='late', score=0.5)
    """
    other = [name for name in known if name not in classes]
    if other:
        raise ConflictError(
            "the champion", [Failure(name, "is no class of label.classes") for name in other], MODEL_REMEDY
        )
    places = {name: place for place, name in enumerate(known)}
    ordered = F.array(*(F.col(answer)[places[name]] if name in places else F.lit(0.0) for name in classes))
    found = scored.withColumn(schemas.CLASS_SCORES, ordered)
    sure = F.array_max(schemas.CLASS_SCORES)
    place = F.array_position(schemas.CLASS_SCORES, sure)
    names = F.array(*(F.lit(name) for name in classes))
    return found.withColumns({schemas.PREDICTED_CLASS: F.element_at(names, place.cast("int")), "score": sure})
