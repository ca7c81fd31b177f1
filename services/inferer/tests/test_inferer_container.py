"""In a pod: the host is one container and the model runs in another, which may end and come again."""

import json

import numpy as np

from libs.sandbox.tests.pod import GuestContainer, code_of, volumes

from .conftest import Inferer


def test_a_replica_goes_on_when_the_models_container_ends_and_comes_again(bench, topic, topics, tmp_path):
    folder, ready = volumes(tmp_path / "volumes"), tmp_path / "ready"
    ready.touch()  # of an earlier process
    target, trained = topics(), bench.trained["mlp"]
    code = code_of("kafka_ml_sandbox", "kafka_ml_inferer")
    in_a_pod = {
        "KAFKA_ML_GUEST_FOLDER": str(folder),
        "KAFKA_ML_REPLICA": "2",
        "KAFKA_ML_READY_FILE": str(ready),
    }
    spec = bench.spec(topic, target)
    reader = bench.reader(target)
    inferer = Inferer(bench.spares._environment | in_a_pod, tmp_path / "inferer.log")
    bench.inferers.append(inferer)
    inferer.assign(spec)
    bench.until(lambda: not ready.exists(), "the file of an earlier process to go")
    container = GuestContainer(folder, tmp_path / "guest.log", code)
    try:
        bench.until(ready.exists, "the replica to be ready")
        bench.produce(topic, [x.tobytes() for x in trained.x[:100]])
        found = reader.read(100)
        container.kill()
        bench.produce(topic, [x.tobytes() for x in trained.x[100:200]])
        bench.until(lambda: not ready.exists(), "the replica to notice that its model is gone")
        container = GuestContainer(folder, tmp_path / "guest.log", code)
        found += reader.read(100)
        np.testing.assert_allclose([json.loads(m.value())["values"] for m in found], trained.y[:200], atol=1e-5)
        bench.until(ready.exists, "the replica to be ready again")
        inferer.says("container ended")
        assert inferer.stop() == 0
        assert not ready.exists()
        assert container.wait() == 0
    finally:
        container.kill()
    (event,) = bench.events(spec.inference_id, "kafka-ml.inference.ready")
    assert event["replica"] == 2
