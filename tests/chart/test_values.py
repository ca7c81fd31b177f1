"""What the chart accepts, what it refuses, and how it says so."""

import json
import re
from itertools import pairwise

import pytest
import yaml

from tests.chart.chart import CHART, SETS, VALUES, RefusedError, helm, render

pytestmark = pytest.mark.chart


@pytest.mark.parametrize("values", [None, *SETS])
def test_lint_finds_nothing(values):
    chosen = [] if values is None else ["-f", VALUES / f"{values}.yaml"]
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, *chosen)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("api.replicas=0", "/api/replicas"),
        ("api.replicas=two", "/api/replicas"),
        ("api.replica=2", "'replica' not allowed"),
        ("typo=1", "'typo' not allowed"),
        ("kafka.bootstrapServers=kafka.example", "/kafka/bootstrapServers"),
        ("kafka.bootstrapServers=http://kafka.example:9092", "/kafka/bootstrapServers"),
        ("kafka.advertisedBootstrapServers=kafka.example", "/kafka/advertisedBootstrapServers"),
        ("kafka.securityProtocol=TLS", "'SASL_SSL'"),
        ("kafka.saslMechanism=MD5", "'SCRAM-SHA-512'"),
        ("kafka.password=secret", "'password' not allowed"),
        ("objectStore.endpoint=https://s3.example", "/objectStore/endpoint"),
        ("objectStore.bucket=Kafka_ML", "/objectStore/bucket"),
        ("database.existingSecret=Not A Name", "/database/existingSecret"),
        ("database.connections=0", "/database/connections"),
        ("api.ingress.hosts[0]=https://ml.example", "/api/ingress/hosts/0"),
        ("api.service.type=Loadbalancer", "'LoadBalancer'"),
        ("api.env.not-a-name=x", "'not-a-name'"),
        ("api.resources.limits.memory=lots", "/api/resources/limits/memory"),
        ("scheduler.replicas=100", "/scheduler/replicas"),
        ("scheduler.maxParallel=0", "/scheduler/maxParallel"),
        ("workloads.jobTtlSeconds=-1", "/workloads/jobTtlSeconds"),
        ("workloads.gpuResource=gpu", "/workloads/gpuResource"),
        ("image.pullPolicy=Sometimes", "'IfNotPresent'"),
        ("networkPolicy.kafka.ports[0]=70000", "/networkPolicy/kafka/ports/0"),
        ("metrics.port=80", "/metrics/port"),
        ("fullnameOverride=Kafka_ML", "/fullnameOverride"),
        ("dev.password=short", "/dev/password"),
    ],
)
def test_the_schema_refuses_what_makes_no_sense_and_says_where(setting, said):
    with pytest.raises(RefusedError) as refused:
        render("plain", setting)
    assert "values don't meet the specifications of the schema" in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["dev.enabled=true"], "dev.enabled brings its own Kafka"),
        (["kafka.bootstrapServers="], "kafka.bootstrapServers says where Kafka is"),
        (["database.existingSecret="], "database.existingSecret names the Secret"),
        (["objectStore.existingSecret="], "KAFKA_ML_S3_ACCESS_KEY"),
        (["kafka.securityProtocol=SASL_SSL"], "kafka.securityProtocol=SASL_SSL needs kafka.existingSecret"),
        (["kafka.existingSecret=user"], "kafka.existingSecret is not used with kafka.securityProtocol=PLAINTEXT"),
        (["kafka.tls.existingSecret=ca"], "kafka.tls.existingSecret is not used"),
        (["kafka.securityProtocol=SSL", "kafka.tls.clientCertificate=true"], "needs kafka.tls.existingSecret"),
        (["database.tls.mode=verify-full"], "needs database.tls.existingSecret"),
        (["objectStore.tls.existingSecret=ca"], "not used with objectStore.secure=false"),
        (["api.ingress.enabled=true"], "api.ingress.enabled needs api.ingress.hosts"),
        (["api.autoscaling.enabled=true", "api.autoscaling.minReplicas=9"], "is less than minReplicas=9"),
        (["workloads.env.KAFKA_ML_S3_SECRET_KEY=x"], "workloads.env.KAFKA_ML_S3_SECRET_KEY would be readable"),
        (["tests.demo.enabled=true", "kafka.securityProtocol=SSL"], "tests.demo.enabled works with"),
        (["workloads.kafkaSecret=user"], "workloads.kafkaSecret is not used"),
    ],
)
def test_values_that_contradict_each_other_are_refused_in_a_sentence(settings, said):
    with pytest.raises(RefusedError, match=re.escape(said)):
        render("plain", *settings)


def test_a_cluster_that_is_too_old_is_refused():
    with pytest.raises(RefusedError, match="requires kubeVersion"):
        helm("template", "ml", CHART, "--kube-version", "1.28.0", "-f", VALUES / "plain.yaml")


def _leaves(tree, schema, path=()):
    for key, value in tree.items():
        described = schema.get("properties", {}).get(key, {})
        if isinstance(value, dict) and "properties" in described:
            yield from _leaves(value, described, (*path, key))
        else:
            yield ".".join((*path, key)), value


def test_the_readme_lists_every_value_with_its_default():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    rows = dict(re.findall(r"^\| `([\w.]+)` \| .+ \| (.+) \|$", (CHART / "README.md").read_text(), re.MULTILINE))
    for name, default in _leaves(values, schema):
        text = json.dumps(default)
        assert rows.get(name) == (f"`{text}`" if len(text) <= 70 else "see values.yaml"), name


def test_the_schema_knows_exactly_the_values_that_there_are():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    def compare(tree, described, path):
        if "properties" not in described:
            return
        assert described["additionalProperties"] is False, path
        assert set(tree) == set(described["properties"]) - {"global"}, path
        for key, value in tree.items():
            compare(value, described["properties"][key], f"{path}.{key}")

    compare(values, schema, "")


def test_every_value_has_a_comment():
    lines = (CHART / "values.yaml").read_text().splitlines()
    silent = [
        line
        for before, line in pairwise(lines)
        if re.match(r" +\w+: *\S", line) and not re.match(r" +(requests|limits):|^ +-|^ +podSelector", line)
        if not before.strip().startswith("#")
    ]
    assert silent == []
