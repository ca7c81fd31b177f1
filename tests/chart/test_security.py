"""What every pod may do, who has a token, and where secrets are."""

import base64
import json

import pytest

from tests.chart.chart import SETS, named, pods, render, variables

pytestmark = pytest.mark.chart

VALIDATOR = "ml-kafka-ml-validator-token"
"""By which the scheduler asks the pods that wait to check models."""

EVERYWHERE = pytest.mark.parametrize("values", SETS)


@EVERYWHERE
def test_every_container_is_restricted(values):
    found = pods(render(values))
    assert found
    for name, pod in found.items():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")), name
        assert not any("hostPath" in volume for volume in pod.get("volumes", [])), name
        for container in pod["containers"] + pod.get("initContainers", []):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert "memory" in container["resources"]["limits"], name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name


@EVERYWHERE
def test_services_run_as_their_images_user(values):
    found = pods(render(values))
    for service in ("api", "control", "scheduler"):
        assert found[f"ml-kafka-ml-{service}"]["securityContext"]["runAsUser"] == 10001


@EVERYWHERE
def test_only_the_scheduler_has_a_token(values):
    manifests = render(values)
    with_token = {name for name, pod in pods(manifests).items() if pod["automountServiceAccountToken"] is not False}
    assert with_token == {"ml-kafka-ml-scheduler"}
    accounts = [manifest for manifest in manifests if manifest["kind"] == "ServiceAccount"]
    assert {account["metadata"]["name"].rpartition("-")[2] for account in accounts} == {
        "api",
        "control",
        "scheduler",
        "workloads",
    }
    assert all(account["automountServiceAccountToken"] is False for account in accounts)


@EVERYWHERE
def test_no_pod_takes_the_addresses_of_services_for_settings(values):
    # A Service named kafka-ml-api would give every pod a variable KAFKA_ML_API_PORT.
    assert all(pod["enableServiceLinks"] is False for pod in pods(render(values)).values())


@EVERYWHERE
def test_the_schedulers_role_is_for_workloads_in_its_namespace(values):
    manifests = render(values)
    assert not [m for m in manifests if m["kind"].startswith("ClusterRole")]
    (binding,) = [m for m in manifests if m["kind"] == "RoleBinding"]
    assert [subject["name"] for subject in binding["subjects"]] == ["ml-kafka-ml-scheduler"]
    (role,) = [m for m in manifests if m["kind"] == "Role"]
    granted = {
        (group, resource): (set(rule["verbs"]), rule.get("resourceNames"))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if rule["verbs"] != ["create"]
    }
    assert "*" not in str(role["rules"])
    assert {resource for _, resource in granted} == {
        "jobs",
        "statefulsets",
        "pods",
        "pods/log",
        "events",
        "leases",
        "deployments",
        "scaledobjects",
    }
    assert granted[("apps", "deployments")] == ({"get", "patch"}, ["ml-kafka-ml-scheduler", "ml-kafka-ml-validator"])
    assert granted[("coordination.k8s.io", "leases")] == ({"get", "update", "patch"}, ["ml-kafka-ml-scheduler"])
    assert granted[("", "pods/log")] == ({"get"}, None)


def test_what_is_secret_comes_by_reference_only():
    manifests = render("full")
    secrets = [m for m in manifests if m["kind"] == "Secret"]
    assert {secret["metadata"]["name"] for secret in secrets} == {"ml-kafka-ml-keda", "ml-kafka-ml-validator-token"}
    assert named(manifests, "Secret", "ml-kafka-ml-keda")["stringData"] == {"sasl": "scram_sha256", "tls": "enable"}
    found = pods(manifests)
    user, password = "KAFKA_ML_KAFKA_SASL_USERNAME", "KAFKA_ML_KAFKA_SASL_PASSWORD"
    for service in ("api", "control", "scheduler"):
        given = variables(found[f"ml-kafka-ml-{service}"])
        assert given[user] == {"secretKeyRef": {"name": "kafka-user", "key": user}}
        assert given[password] == {"secretKeyRef": {"name": "kafka-user", "key": password}}
    api = variables(found["ml-kafka-ml-api"])
    assert api["KAFKA_ML_DATABASE_URL"] == {"secretKeyRef": {"name": "database", "key": "KAFKA_ML_DATABASE_URL"}}
    assert api["KAFKA_ML_S3_SECRET_KEY"] == {"secretKeyRef": {"name": "objects", "key": "KAFKA_ML_S3_SECRET_KEY"}}
    for service in ("control", "scheduler"):
        given = variables(found[f"ml-kafka-ml-{service}"])
        assert not [name for name in given if "DATABASE" in name or "S3" in name], service


def test_passwords_are_in_secrets_and_nowhere_else():
    manifests = render("dev", "dev.password=correcthorse")
    holders = {m["metadata"]["name"] for m in manifests if "correcthorse" in json.dumps(m)}
    assert holders == {"ml-kafka-ml-dev-database", "ml-kafka-ml-dev-object-store"}
    token = named(manifests, "Secret", "ml-kafka-ml-scheduler-token")["data"]["KAFKA_ML_SCHEDULER_TOKEN"]
    plain = base64.b64decode(token).decode()
    assert len(plain) == 40
    others = [m for m in manifests if m["kind"] != "Secret"]
    assert plain not in json.dumps(others)
    assert token not in json.dumps(others)


def test_passwords_that_the_chart_makes_fit_together():
    manifests = render("dev")
    database = named(manifests, "Secret", "ml-kafka-ml-dev-database")["stringData"]
    assert f":{database['POSTGRES_PASSWORD']}@" in database["KAFKA_ML_DATABASE_URL"]
    objects = named(manifests, "Secret", "ml-kafka-ml-dev-object-store")["stringData"]
    assert len(objects["KAFKA_ML_S3_SECRET_KEY"]) == 24


def test_workloads_hosts_get_credentials_of_their_own_where_there_are_some():
    full = variables(pods(render("full"))["ml-kafka-ml-scheduler"])
    assert json.loads(full["KAFKA_ML_KUBERNETES_HOST_SECRETS"]) == ["kafka-workloads", "objects", VALIDATOR]
    shared = variables(pods(render("full", "workloads.kafkaSecret="))["ml-kafka-ml-scheduler"])
    assert json.loads(shared["KAFKA_ML_KUBERNETES_HOST_SECRETS"]) == ["kafka-user", "objects", VALIDATOR]
    plain = variables(pods(render("plain"))["ml-kafka-ml-scheduler"])
    assert json.loads(plain["KAFKA_ML_KUBERNETES_HOST_SECRETS"]) == ["objects", VALIDATOR]
    dev = variables(pods(render("dev"))["ml-kafka-ml-scheduler"])
    assert json.loads(dev["KAFKA_ML_KUBERNETES_HOST_SECRETS"]) == ["ml-kafka-ml-dev-object-store", VALIDATOR]
