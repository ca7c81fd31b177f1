"""The chart on a real cluster, with the images of `make images` and Kafka, PostgreSQL and MinIO inside it: the main job, and what ends badly."""

import os
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from sklearn.datasets import load_digits

from tests.cluster.installation import Installation, User

Digits = tuple[np.ndarray, np.ndarray]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

MODEL = """model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
NOSY = f"""import os, pathlib, socket

seen = []
for file in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        seen.append(file.read_text())
    except OSError:
        pass
assert seen, "nothing was looked at"
assert not any("KAFKA_ML_" in text or "KUBERNETES_" in text for text in seen), "settings are in sight"
commands = [file.read_text() for file in pathlib.Path("/proc").glob("[0-9]*/cmdline")]
assert any("kafka_ml_sandbox" in text for text in commands), "nothing was looked at"
assert not any("kafka_ml_trainer\\0--" in text for text in commands), "the host's processes are in sight"
for path in ("/var/run/secrets", "/run/secrets", "/etc/kafka-ml", "/work"):
    assert not pathlib.Path(path).exists(), path + " is there"
for path in ("/guest/run/x", "/guest/shared/x", "/opt/kafka-ml/x", "/x"):
    try:
        pathlib.Path(path).write_text("x")
    except OSError:
        continue
    raise AssertionError(path + " can be written")
for host, port in (("KAFKA", 9092), ("MINIO", 9000), ("10.96.0.1", 443), ("127.0.0.1", 8082)):
    try:
        socket.create_connection((host, port), timeout=3)
    except OSError:
        continue
    raise AssertionError(host + " can be reached")

{MODEL}"""
GREEDY = """import threading

class Greedy(keras.Sequential):
    def fit(self, *arguments, **settings):
        held = []
        def hold():
            while True:
                held.append(np.ones(16 << 20, np.uint8))
        for _ in range(4):
            threading.Thread(target=hold, daemon=True).start()
        while True:
            pass

""" + MODEL.replace("keras.Sequential(", "Greedy(")
"""Builds as any other, and takes all memory that there is once it is trained."""
ENDLESS = "epochs=100000"


@pytest.fixture(scope="module")
def installed(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """The chart, installed in a namespace that takes only pods as closed as can be."""
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("These tests need a Kubernetes cluster: set KUBECONFIG.", pytrace=False)
    namespace = f"kafka-ml-test-{uuid.uuid4().hex[:8]}"
    values = {"dev.enabled": "true", "image.tag": os.environ.get("TAG") or "dev"}
    # The cluster of a test may be one small node.
    values |= {"api.replicas": "1", "scheduler.replicas": "1", "workloads.jobTtlSeconds": "600"}
    for pair in filter(None, os.environ.get("CHART_VALUES", "").split(",")):
        name, _, value = pair.partition("=")
        values[name] = value
    if registry := os.environ.get("REGISTRY"):
        values["image.registry"] = registry
    kubectl = ["kubectl", "create", "namespace", namespace]
    subprocess.run(kubectl, check=True, timeout=60, capture_output=True)
    label = "pod-security.kubernetes.io/enforce=restricted"
    subprocess.run(["kubectl", "label", "namespace", namespace, label], check=True, timeout=60, capture_output=True)
    installation = Installation(namespace, values=values)
    failed_before = request.session.testsfailed
    try:
        installation.install()
        yield installation
    finally:
        if request.session.testsfailed > failed_before:
            print(installation.troubles())  # noqa: T201 - pytest shows it with the failure
        subprocess.run(["kubectl", "delete", "namespace", namespace, "--wait=false"], check=True, timeout=60)


@pytest.fixture
def user(installed: Installation) -> Iterator[User]:
    with installed.reached() as user:
        yield user


@pytest.fixture(scope="module")
def digits() -> Digits:
    data = load_digits()
    return data.images.astype(np.uint8), data.target.astype(np.uint8)


def test_the_main_job_runs_from_outside(user: User, tmp_path: Path) -> None:
    report = user.demo(tmp_path)
    assert report["predictions"]["accuracy"] > 0.9
    assert len(report["models"]) == 2


def test_helm_test_says_that_it_works(installed: Installation) -> None:
    assert "Succeeded" in installed.helm("test", installed.release, "--timeout", "2m")


def test_a_model_that_looks_about_finds_nothing(installed: Installation, user: User) -> None:
    code = NOSY.replace("KAFKA", f"{installed.name}-dev-kafka").replace("MINIO", f"{installed.name}-dev-minio")
    user.model("nosy", code)


def test_a_training_that_uses_up_its_memory_fails_with_that_reason(user: User, digits: Digits) -> None:
    deployment = user.deploy(user.model("greedy", GREEDY))
    result = user.stream(deployment, "greedy", *digits)
    failed = user.wait(f"results/{result['id']}", "failed", "finished")
    assert failed["state"] == "failed"
    assert failed["failure"]["code"] == "out_of_memory", failed["failure"]
    assert "memory" in failed["failure"]["message"]


def test_a_training_that_does_not_end_fails_at_its_time_limit(user: User, digits: Digits) -> None:
    deployment = user.deploy(user.model("endless", MODEL), fit=ENDLESS, timeout_seconds=15)
    result = user.stream(deployment, "endless", *digits)
    failed = user.wait(f"results/{result['id']}", "failed", "finished")
    assert failed["state"] == "failed"
    assert failed["failure"]["code"] == "timeout", failed["failure"]


def test_an_upgrade_leaves_a_training_alone_which_then_stops_when_its_user_says_so(
    installed: Installation, user: User, digits: Digits
) -> None:
    deployment = user.deploy(user.model("steady", MODEL), fit=ENDLESS)
    result = user.stream(deployment, "steady", *digits)
    path = f"results/{result['id']}"
    user.until(path, lambda found: found["epochs_done"] >= 1)
    (before,) = installed.workload_pods(f"training-{result['id']}")
    installed.install(**{"logging.level": "DEBUG"})  # every service is replaced
    with installed.reached(kafka=False) as again:
        done = again.api.get(path)["epochs_done"]
        again.until(path, lambda found: found["epochs_done"] > done + 2)
        (after,) = installed.workload_pods(f"training-{result['id']}")
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert "epoch" in again.api.text(f"{path}/log").lower() or "stream read" in again.api.text(f"{path}/log")
        again.api.post(f"deployments/{deployment['id']}/stop")
        stopped = again.wait(path, "stopped", "failed", "finished")
        assert stopped["state"] == "stopped"
        assert stopped["model_bytes"] > 0, "what it had learned was not kept"


def test_predictions_are_neither_lost_nor_doubled_when_a_replica_is_deleted(
    installed: Installation, user: User, digits: Digits
) -> None:
    images, labels = digits
    deployment = user.deploy(user.model("predictor", MODEL), fit="epochs=2")
    result = user.stream(deployment, "predictor", images, labels)
    assert user.wait(f"results/{result['id']}", "finished", "failed")["state"] == "finished"
    body = {"input_topic": "predictor-in", "output_topic": "predictor-out"}
    created = user.api.post(f"results/{result['id']}/inferences", body)
    running = user.wait(f"inferences/{created['id']}", "running", "failed")
    assert running["state"] == "running", running
    count = 20_000
    values = np.resize(images, (count, 8, 8))
    send(user.kafka, "predictor-in", values)
    workload = f"inference-{created['id']}"
    (pod,) = installed.workload_pods(workload)
    installed.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    send(user.kafka, "predictor-in", values, first=count)
    keys = committed_keys(user.kafka, "predictor-out", 2 * count)
    assert keys == [str(number).encode() for number in range(2 * count)]
    user.api.post(f"inferences/{created['id']}/stop")
    user.wait(f"inferences/{created['id']}", "stopped")
    assert not installed.get("statefulsets", "-l", f"kafka-ml.org/workload={workload}")


def test_uninstalling_leaves_what_the_guide_says(installed: Installation) -> None:
    installed.helm("uninstall", installed.release, "--wait", "--timeout", "3m")
    deadline = time.monotonic() + 120
    while pods := installed.get("pods"):
        assert time.monotonic() < deadline, [pod["metadata"]["name"] for pod in pods]
        threading.Event().wait(0.5)
    kinds = "jobs,statefulsets,deployments,services,secrets,configmaps,networkpolicies,roles,rolebindings,serviceaccounts,pvc"
    left = {f"{found['kind']}/{found['metadata']['name']}" for found in installed.get(kinds)}
    assert left == {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}


def send(kafka: str, topic: str, values: np.ndarray, first: int = 0) -> None:
    """Send samples with their number as key."""
    producer = Producer({"bootstrap.servers": kafka, "queue.buffering.max.messages": 1_000_000})
    for number, value in enumerate(values, first):
        producer.produce(topic, value.tobytes(), str(number).encode(), 0)
    assert producer.flush(60) == 0


def committed_keys(kafka: str, topic: str, count: int) -> list[bytes]:
    """The keys of all predictions, once so many are committed; more if there are more."""
    group = f"reader-{uuid.uuid4().hex[:8]}"
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    keys: list[bytes] = []
    deadline = time.monotonic() + 180
    try:
        while len(keys) < count:
            assert time.monotonic() < deadline, f"{len(keys)} of {count} predictions came"
            keys += [message.key() for message in consumer.consume(5000, 0.5) if message.error() is None]
        return keys + [message.key() for message in consumer.consume(5000, 2) if message.error() is None]
    finally:
        consumer.close()
