"""The inferer as a process: what it predicts, what it carries along, what it puts aside."""

import json

import numpy as np


def test_predictions_equal_keras_and_carry_key_headers_and_lineage(bench, topic, topics):
    target = topics()
    model = bench.trained["mlp"]
    spec = bench.spec(topic, target)
    bench.produce(
        topic,
        [x.tobytes() for x in model.x],
        key=b"\x00",
        headers=[("trace", b"t1"), ("kafka-ml-inference", b"of an earlier one")],
    )
    bench.start(spec)
    found = bench.read(target, len(model.x))
    assert len(found) == len(model.x)
    np.testing.assert_allclose([json.loads(m.value())["values"] for m in found], model.y, atol=1e-5)
    assert found[7].key() == b"\x00"
    assert found[7].headers() == [
        ("trace", b"t1"),
        ("kafka-ml-inference", str(spec.inference_id).encode()),
        ("kafka-ml-model-version", b"3:2"),
        ("kafka-ml-input", f"{topic}:0:7".encode()),
    ]
