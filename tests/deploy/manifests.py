"""Reads the manifests: objects with their files, and the pods that they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/kubernetes"
OPERATOR = "sparkoperator.k8s.io/v1beta2"


@dataclass(frozen=True)
class Manifest:
    """One object of a file."""

    file: str
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    def __str__(self) -> str:
        return f"{self.file}:{self.kind}"


@dataclass(frozen=True)
class Pod:
    """A pod that a manifest makes: its labels and its specification."""

    manifest: Manifest
    labels: dict[str, str]
    spec: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.manifest}:{self.spec['containers'][0]['name']}"

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them, those that run before the others first."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def read_manifests() -> list[Manifest]:
    """Read every object but the lists of kustomize."""
    return [
        Manifest(path.relative_to(FOLDER).as_posix(), body)
        for path in sorted(FOLDER.rglob("*.yml"))
        if path.name != "kustomization.yml"
        for body in yaml.safe_load_all(path.read_text("utf-8"))
    ]


def read_pods() -> list[Pod]:
    """Give the pods of every object: of Spark the driver and an executor, as the operator makes them."""
    return [pod for each in read_manifests() for pod in _pods_of(each)]


def the(kind: str, name: str | None = None) -> Manifest:
    """Give the one object of a kind, and of a name where there are several."""
    (found,) = [each for each in read_manifests() if each.kind == kind and name in {None, each.name}]
    return found


def _pods_of(manifest: Manifest) -> Iterator[Pod]:
    body = manifest.body
    if manifest.kind == "Deployment":
        template = body["spec"]["template"]
    elif manifest.kind == "CronJob":
        template = body["spec"]["jobTemplate"]["spec"]["template"]
    elif manifest.kind == "SparkApplication":
        for role in ("driver", "executor"):
            yield _spark_pod(manifest, role)
        return
    else:
        return
    yield Pod(manifest, template["metadata"]["labels"], template["spec"])


def _spark_pod(manifest: Manifest, role: str) -> Pod:
    spec, part = manifest.body["spec"], manifest.body["spec"][role]
    container = {
        "name": f"spark-kubernetes-{role}",
        "image": spec["image"],
        "imagePullPolicy": spec["imagePullPolicy"],
        "env": part.get("env", []),
        "envFrom": part.get("envFrom", []),
        "securityContext": part["securityContext"],
        "volumeMounts": part["volumeMounts"],
        "resources": {
            "requests": {"cpu": part["coreRequest"], "memory": part["memory"]},
            "limits": {"cpu": part["coreLimit"], "memory": part["memory"]},
        },
    }
    pod = {
        "containers": [container],
        "securityContext": part["podSecurityContext"],
        "serviceAccountName": part["serviceAccount"],
        "volumes": spec["volumes"],
    }
    return Pod(manifest, part["labels"], pod)
