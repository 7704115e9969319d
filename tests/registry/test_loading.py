"""What may be loaded from the registry: its own files, unchanged, in skops, of types on the allow-list."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import pandas as pd
import pytest
import yaml
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from lakeloop.config.registry import RegistrySettings
from lakeloop.errors import ConflictError
from lakeloop.model_versions import DatasetInput, ModelVersion, hash_model_files
from lakeloop.registry import Registry
from lakeloop.registry.loading import assert_loadable, load_files
from lakeloop.registry.names import CONTENT_HASH_TAG
from lakeloop.training.preprocessing import TRUSTED_TYPES, SignedLog

FRAME = pd.DataFrame({"items": [1.0, 2.0, 3.0, 4.0]})


def pipeline() -> Any:
    return make_pipeline(SignedLog(), DummyClassifier()).fit(FRAME, [0, 0, 1, 1])


def save(folder: Path, stored: str = "skops", trusted: tuple[str, ...] = TRUSTED_TYPES, model: Any = None) -> Path:
    mlflow.sklearn.save_model(
        model if model is not None else pipeline(),
        str(folder),
        serialization_format=stored,
        skops_trusted_types=list(trusted) if stored == "skops" else None,
        pip_requirements=[],
    )
    return folder


def version(folder: Path) -> ModelVersion:
    return ModelVersion("late", "1", "run", "key", {CONTENT_HASH_TAG: hash_model_files(folder)})


def edit(folder: Path, change: Any) -> None:
    path = folder / "MLmodel"
    said = yaml.safe_load(path.read_text())
    change(said["flavors"])
    path.write_text(yaml.safe_dump(said))


def test_skops_with_types_of_the_list_is_loaded(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    assert_loadable(folder, version(folder), TRUSTED_TYPES)
    assert list(load_files(folder, TRUSTED_TYPES).predict(FRAME)) == [0, 0, 0, 0]


def test_types_that_only_the_file_s_own_list_allows_are_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    others = [each for each in TRUSTED_TYPES if not each.endswith("SignedLog")]
    with pytest.raises(ConflictError) as error:
        assert_loadable(folder, version(folder), others)
    assert str(error.value.failures[0]) == (
        "types: its file holds types that are not allowed: lakeloop.training.number_steps.SignedLog"
    )


def test_a_function_in_a_pipeline_is_refused_though_mlflow_was_told_to_trust_it(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(), DummyClassifier()).fit(FRAME, [0, 0, 1, 1])
    model.steps[0][1].func = hash_model_files
    folder = save(tmp_path / "model", trusted=("lakeloop.model_versions.hash_model_files",), model=model)
    with pytest.raises(ConflictError, match=r"types that are not allowed: lakeloop\.model_versions\.hash_model_files"):
        assert_loadable(folder, version(folder), TRUSTED_TYPES)


def test_a_changed_file_is_refused_before_anything_is_read_of_it(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    registered = version(folder)
    (folder / "model.skops").write_bytes(b"other")
    with pytest.raises(ConflictError, match="checksum: its files are not those that were registered"):
        assert_loadable(folder, registered, TRUSTED_TYPES)
    with pytest.raises(ConflictError, match="format: its skops file cannot be read"):
        assert_loadable(folder, version(folder), TRUSTED_TYPES)
    with pytest.raises(ConflictError, match="checksum"):  # no checksum is no pass
        assert_loadable(folder, ModelVersion("late", "1", "run", "key", {}), TRUSTED_TYPES)


@pytest.mark.parametrize("stored", ["pickle", "cloudpickle"])
def test_pickle_only_by_an_explicit_setting_and_with_a_warning(
    tmp_path: Path, stored: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save(tmp_path / "model", stored)
    with pytest.raises(ConflictError) as error:
        assert_loadable(folder, version(folder), TRUSTED_TYPES)
    assert f"it is stored as {stored}, which runs code when it is loaded; allowed: skops" in str(error.value)
    assert "registry: {allow_pickle: true}" in error.value.remedy
    with caplog.at_level(logging.WARNING):
        assert_loadable(folder, version(folder), TRUSTED_TYPES, allow_pickle=True)
    assert caplog.messages == [
        f"model late version 1: it is stored as {stored}, which runs code when it is loaded; "
        "registry.allow_pickle lets it"
    ]
    assert list(load_files(folder, TRUSTED_TYPES).predict(FRAME)) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda flavors: flavors["python_function"].update(loader_module="theirs"), "python_function.loader_module"),
        (lambda flavors: flavors["python_function"].update(code="code"), "python_function.code"),
        (lambda flavors: flavors["python_function"].update(model_path="other.skops"), "python_function.model_path"),
        (lambda flavors: flavors["sklearn"].update(pickled_model="../other.skops"), "python_function.model_path"),
        (lambda flavors: flavors.update(pytorch={}), "pytorch"),
        (lambda flavors: flavors.pop("sklearn"), "no plain scikit-learn model"),
        (lambda flavors: flavors.clear(), "no sklearn flavor"),
    ],
)
def test_what_brings_code_or_files_of_its_own_is_refused(tmp_path: Path, change: Any, found: str) -> None:
    folder = save(tmp_path / "model")
    edit(folder, change)
    with pytest.raises(ConflictError, match=found):
        assert_loadable(folder, version(folder), TRUSTED_TYPES, allow_pickle=True)


def test_what_is_not_said_to_be_skops_counts_as_pickle(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    edit(folder, lambda flavors: flavors["sklearn"].pop("serialization_format"))
    with pytest.raises(ConflictError, match="stored as pickle"):
        assert_loadable(folder, version(folder), TRUSTED_TYPES)
    (folder / "MLmodel").unlink()
    with pytest.raises(ConflictError, match="no plain scikit-learn model"):
        assert_loadable(folder, version(folder), TRUSTED_TYPES)


def test_a_version_registered_from_a_path_is_not_loaded(tmp_path: Path) -> None:
    registry = Registry(
        f"sqlite:///{tmp_path}/mlflow.db", "shops", tmp_path / "mlartifacts", settings=RegistrySettings()
    )
    with registry.training("late", "key", DatasetInput("t", "/t", 1, "hash"), {}) as training:
        own = training.log_model(
            pipeline(), FRAME, FRAME["items"], probabilities=True, trusted_types=TRUSTED_TYPES, tags={}
        )
    assert registry.verify(own).is_dir()
    folder = save(tmp_path / "elsewhere")
    tags = {CONTENT_HASH_TAG: hash_model_files(folder)}
    registry._client.create_model_version("late", str(folder), tags=tags)
    foreign = registry.list_versions("late")[-1]
    with pytest.raises(ConflictError, match="source: it was registered from elsewhere"):
        registry.load_pipeline(foreign)
    with pytest.raises(ValueError, match="is no number"):
        registry.load_pipeline(ModelVersion("late", "../../elsewhere", "r", "k", own.tags, own.source))
