"""The manifests: valid by the schemas of Kubernetes, safe by default, and of one piece.

No cluster is asked. What an API server decides beyond its schemas (admission, quotas, storage) is not shown here.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.deploy.manifests import FOLDER, OPERATOR, ROOT, Manifest, Pod, read_manifests, read_pods, the

VERSIONS = ("1.31", "1.37")
MANIFESTS = read_manifests()
OWN = [each for each in MANIFESTS if each.body["apiVersion"] == OPERATOR]
KNOWN = [each for each in MANIFESTS if each.body["apiVersion"] != OPERATOR]
PODS = read_pods()
CONTAINERS = [(f"{pod.manifest}:{each['name']}", pod, each) for pod in PODS for each in pod.containers]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def each_container(function: Any) -> Any:
    return pytest.mark.parametrize(
        ("pod", "container"), [each[1:] for each in CONTAINERS], ids=[each[0] for each in CONTAINERS]
    )(function)


def of_kind(*kinds: str) -> list[Manifest]:
    return [each for each in MANIFESTS if each.kind in kinds]


# --- by schema --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", KNOWN, ids=str)
def test_a_manifest_is_valid_by_the_schemas_of_kubernetes(manifest, version):
    assert kubernetes_validate.validate(manifest.body, version, strict=True) == version


@pytest.mark.parametrize("version", VERSIONS)
def test_the_schemas_find_what_is_wrong(version):
    body = {**the("Service").body, "spec": {"ports": [{"port": 80, "targetPorts": "http"}]}}
    with pytest.raises(kubernetes_validate.ValidationError, match="targetPorts"):
        kubernetes_validate.validate(body, version, strict=True)


@pytest.mark.parametrize("manifest", OWN, ids=str)
def test_a_spark_application_has_the_fields_of_the_operator(manifest):
    schema = json.loads((ROOT / "tests/deploy/spark_application.schema.json").read_text("utf-8"))
    assert [str(each) for each in jsonschema.Draft202012Validator(schema).iter_errors(manifest.body)] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pod", [pod for pod in PODS if pod.manifest in OWN], ids=str)
def test_the_pods_of_a_spark_application_are_valid_by_the_schemas_of_kubernetes(pod, version):
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "labels": pod.labels}, "spec": pod.spec}
    assert kubernetes_validate.validate(body, version, strict=True) == version


def test_every_kind_that_is_asked_for_is_there():
    assert sorted({each.kind for each in MANIFESTS}) == [
        "CronJob",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Namespace",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
        "SparkApplication",
    ]


@pytest.mark.parametrize(("folder", "apart"), [("serving", set()), ("jobs", {"score_batch.yml", "score_stream.yml"})])
def test_kustomize_lists_every_file_but_those_that_need_the_operator(folder, apart):
    listed = yaml.safe_load((FOLDER / folder / "kustomization.yml").read_text("utf-8"))
    files = {path.name for path in (FOLDER / folder).glob("*.yml")} - {"kustomization.yml"}
    assert set(listed["resources"]) == files - apart
    assert listed["images"] == [{"name": f"lakeloop-{folder}", "newTag": VERSION}]


# --- safe by default --------------------------------------------------------------------------------------------------


@each_container
def test_a_container_is_not_root_and_can_write_only_where_it_is_given_room(pod: Pod, container):
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod.spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # HOME, and where Spark writes


@each_container
def test_a_container_has_requests_and_limits(pod, container):
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert {"cpu", "memory"} <= set(container["resources"]["limits"])


@each_container
def test_an_image_is_of_this_version_and_names_no_registry(pod, container):
    assert container["image"] in {f"lakeloop-serving:{VERSION}", f"lakeloop-jobs:{VERSION}"}
    assert container["imagePullPolicy"] == "IfNotPresent"


@each_container
def test_no_secret_stands_in_a_manifest(pod, container):
    secret = re.compile("TOKEN|PASSWORD|SECRET|STORE")
    assert [each for each in container.get("env", []) if secret.search(each["name"]) and "value" in each] == []


def test_secrets_are_named_and_never_written():
    assert of_kind("Secret") == []
    text = "\n".join(path.read_text("utf-8") for path in sorted(FOLDER.rglob("*.yml")))
    assert not re.search(r"://[^\s/]*@|:latest\b", text)


@pytest.mark.parametrize("pod", PODS, ids=str)
def test_only_the_driver_of_spark_may_speak_to_the_cluster(pod):
    account = the("ServiceAccount", pod.spec["serviceAccountName"])
    is_driver = pod.spec["containers"][0]["name"] == "spark-kubernetes-driver"
    assert account.body["automountServiceAccountToken"] is is_driver
    assert pod.spec.get("automountServiceAccountToken", is_driver) is is_driver


def test_the_drivers_rights_end_at_its_namespace():
    binding, role = the("RoleBinding"), the("Role")
    assert binding.body["roleRef"]["kind"] == "Role"
    assert binding.body["roleRef"]["name"] == role.name
    assert binding.body["subjects"] == [{"kind": "ServiceAccount", "name": "lakeloop-spark", "namespace": "lakeloop"}]
    rights = {tuple(rule["resources"]): set(rule["verbs"]) for rule in role.body["rules"]}
    assert rights == {
        ("pods",): {"get", "list", "watch", "create", "patch", "delete", "deletecollection"},
        ("services", "configmaps"): {"get", "list", "create", "delete", "deletecollection"},
    }
    assert {group for rule in role.body["rules"] for group in rule["apiGroups"]} == {""}


@pytest.mark.parametrize("manifest", OWN, ids=str)
def test_spark_is_told_that_it_owns_no_claims_since_its_driver_has_no_right_to_them(manifest):
    assert manifest.body["spec"]["sparkConf"] == {
        "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
        "spark.kubernetes.driver.reusePersistentVolumeClaim": "false",
    }


@pytest.mark.parametrize("pod", PODS, ids=str)
def test_every_pod_is_under_a_policy_that_names_both_directions(pod):
    policies = [each.body["spec"] for each in of_kind("NetworkPolicy")]
    over = [each for each in policies if selects(each["podSelector"], pod.labels)]
    assert [each["policyTypes"] for each in over] == [["Ingress", "Egress"]]


def selects(selector, labels):
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    return all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))


def test_nobody_reaches_a_turn_and_it_does_not_ask_the_node_for_credentials():
    spec = the("NetworkPolicy", "lakeloop-turn").body["spec"]
    assert spec["ingress"] == []
    blocks = [peer["ipBlock"] for rule in spec["egress"] for peer in rule["to"] if "ipBlock" in peer]
    assert blocks == [{"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}]
    assert [rule for rule in spec["egress"] if "ports" not in rule] == []


def test_only_sparks_own_pods_reach_sparks_pods():
    spec = the("NetworkPolicy", "lakeloop-spark").body["spec"]
    assert spec["ingress"] == [{"from": [{"podSelector": spec["podSelector"]}]}]
    open_to_all_ports = [rule["to"] for rule in spec["egress"] if "ports" not in rule]
    assert open_to_all_ports == [[{"podSelector": spec["podSelector"]}]]


def test_the_namespace_refuses_what_is_not_restricted():
    assert the("Namespace").body["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_server_is_reached_by_clients_and_prometheus_and_reaches_the_store_and_names():
    spec = the("NetworkPolicy", "lakeloop-serving").body["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    peers = [[peer["podSelector"]["matchLabels"] for peer in rule["from"]] for rule in spec["ingress"]]
    assert peers == [[{"lakeloop-client": "true"}, {"app.kubernetes.io/name": "prometheus"}]]
    reached = [
        (peer["podSelector"]["matchLabels"], port["protocol"], port["port"])
        for rule in spec["egress"]
        for peer in rule["to"]
        for port in rule["ports"]
    ]
    assert reached == [
        ({"app.kubernetes.io/name": "redis"}, "TCP", 6379),
        ({"k8s-app": "kube-dns"}, "UDP", 53),
        ({"k8s-app": "kube-dns"}, "TCP", 53),
    ]


# --- of one piece -----------------------------------------------------------------------------------------------------


def test_all_is_in_one_namespace():
    spaces = {each.body["metadata"]["namespace"] for each in MANIFESTS if each.kind != "Namespace"}
    assert spaces == {the("Namespace").name}


def test_selectors_match_the_labels_of_the_servers_pods():
    labels = the("Deployment").body["spec"]["template"]["metadata"]["labels"].items()
    spec = the("Deployment").body["spec"]
    selectors = [
        spec["selector"]["matchLabels"],
        the("Service").body["spec"]["selector"],
        the("PodDisruptionBudget").body["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy", "lakeloop-serving").body["spec"]["podSelector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in spec["template"]["spec"]["topologySpreadConstraints"]),
    ]
    assert [each for each in selectors if not each.items() <= labels] == []


def test_no_other_pod_is_taken_for_a_server():
    selector = the("Service").body["spec"]["selector"].items()
    assert [str(pod) for pod in PODS if selector <= pod.labels.items()] == ["serving/deployment.yml:Deployment:server"]


def test_the_autoscaler_owns_the_replicas_of_the_deployment():
    deployment, scaler = the("Deployment"), the("HorizontalPodAutoscaler").body["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment.name}
    assert "replicas" not in deployment.body["spec"]
    budget = the("PodDisruptionBudget").body["spec"]["maxUnavailable"]
    assert scaler["minReplicas"] > budget  # one goes, another answers
    assert scaler["maxReplicas"] >= scaler["minReplicas"]
    (metric,) = scaler["metrics"]
    assert (
        metric["resource"]["name"]
        in deployment.body["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
    )


def test_a_rollout_never_takes_a_server_away_before_its_successor_is_ready():
    assert the("Deployment").body["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }


@pytest.mark.parametrize("pod", PODS, ids=str)
def test_claims_and_accounts_that_are_used_are_declared_and_volumes_are_mounted(pod):
    claims = {each["persistentVolumeClaim"]["claimName"] for each in pod.spec["volumes"] if "emptyDir" not in each}
    assert claims <= {each.name for each in of_kind("PersistentVolumeClaim")}
    assert pod.spec["serviceAccountName"] in {each.name for each in of_kind("ServiceAccount")}
    mounted = {mount["name"] for container in pod.containers for mount in container["volumeMounts"]}
    assert mounted == {each["name"] for each in pod.spec["volumes"]}
    assert [each for each in pod.spec["volumes"] if "emptyDir" in each and "sizeLimit" not in each["emptyDir"]] == []


def test_pods_on_several_nodes_share_the_workspace():
    modes = {each.name: each.body["spec"]["accessModes"] for each in of_kind("PersistentVolumeClaim")}
    assert modes == {"lakeloop-workspace": ["ReadWriteMany"], "lakeloop-landing": ["ReadWriteMany"]}


def test_the_servers_model_can_only_be_read_and_its_request_log_be_written():
    mounts = {
        each["mountPath"]: (each.get("subPath"), each.get("readOnly", False))
        for each in the("Deployment").body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    }
    assert mounts == {
        "/workspace/serving": ("serving", True),
        "/workspace/request_log": ("request_log", False),
        "/tmp": (None, False),
    }


def test_the_folders_that_the_server_mounts_are_made_by_the_turn():
    server = the("Deployment").body["spec"]["template"]["spec"]["containers"][0]
    mounted = {f"/project/workspace/{each['subPath']}" for each in server["volumeMounts"] if "subPath" in each}
    (folders,) = the("CronJob").body["spec"]["jobTemplate"]["spec"]["template"]["spec"]["initContainers"]
    assert folders["args"][:2] == ["mkdir", "-p"]
    assert set(folders["args"][2:]) == mounted
