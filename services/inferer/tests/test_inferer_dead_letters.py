"""What can't be decoded or predicted is put aside with its reason; the rest flows."""

import json

import numpy as np

from kafka_ml_common import topics as platform


def dead_letters(bench, source):
    """Dead letters of a topic: value, and headers."""
    found = bench.reader(platform.DEAD_LETTERS).to_end()
    mine = [(m.value(), {name: text.decode() for name, text in m.headers()}) for m in found]
    return [(value, headers) for value, headers in mine if headers["kafka-ml-input"].startswith(f"{source}:")]


def test_messages_of_wrong_length_are_put_aside_in_order_and_the_rest_is_predicted(bench, topics):
    source, target = topics(), topics()
    model = bench.trained["mlp"]
    good = [x.tobytes() for x in model.x[:100]]
    messages = [b"short" if number % 10 == 3 else None if number % 10 == 4 else good[number] for number in range(100)]
    bench.produce(source, messages, key=b"k")
    bench.start(bench.spec(source, target))
    found = bench.read(target, 80)
    kept = [number for number in range(100) if number % 10 not in (3, 4)]
    np.testing.assert_allclose([json.loads(m.value())["values"] for m in found], model.y[kept], atol=1e-5)
    dead = dead_letters(bench, source)
    assert [headers["kafka-ml-input"] for _, headers in dead] == [
        f"{source}:0:{number}" for number in range(100) if number not in kept
    ]
    value, headers = dead[0]
    assert value == b"short"
    assert headers["kafka-ml-reason"] == "undecodable"
    assert headers["kafka-ml-message"] == "The message has 5 bytes instead of 8."


def test_samples_that_the_model_fails_on_are_put_aside(bench, topics):
    source, target = topics(), topics()
    model = bench.trained["embedding"]
    x = model.x[:50].copy()
    x[[5, 41], 0] = 99
    bench.produce(source, [row.tobytes() for row in x])
    bench.start(bench.spec(source, target, "embedding"))
    found = bench.read(target, 48)
    kept = [number for number in range(50) if number not in (5, 41)]
    np.testing.assert_allclose([json.loads(m.value())["values"] for m in found], model.y[kept], atol=1e-5)
    dead = dead_letters(bench, source)
    assert [headers["kafka-ml-input"].rsplit(":", 1)[1] for _, headers in dead] == ["5", "41"]
    assert {headers["kafka-ml-reason"] for _, headers in dead} == {"unpredictable"}


def test_a_model_without_input_and_with_two_outputs_gives_one_row_a_sample(bench, topics):
    source, target = topics(), topics()
    model = bench.trained["two_heads"]
    bench.produce(source, [x.tobytes() for x in model.x])
    bench.start(bench.spec(source, target, "two_heads", max_batch=128))
    found = bench.read(target, len(model.x))
    np.testing.assert_allclose([json.loads(m.value())["values"] for m in found], model.y, atol=1e-5)


def test_ten_megabyte_messages_pass_and_are_cut_in_the_dead_letter(bench, topics):
    source, target = topics(configs={"max.message.bytes": str(20 << 20)}), topics()
    good = bench.trained["mlp"].x[0].tobytes()
    bench.produce(source, [good, bytes(10 << 20), good])
    bench.start(bench.spec(source, target))
    assert len(bench.read(target, 2)) == 2
    ((value, headers),) = dead_letters(bench, source)
    assert len(value) == 512 << 10
    assert headers["kafka-ml-cut-from-bytes"] == str(10 << 20)


def test_a_model_that_cannot_be_built_fails_with_the_reason(bench, topics):
    spec = bench.spec(topics(), topics())
    broken = spec.model_copy(update={"model": spec.model.model_copy(update={"code": "model = 1 / 0"})})
    inferer = bench.start(broken)
    assert inferer.process.wait(60) == 1
    (failed,) = bench.events(spec.inference_id, "kafka-ml.inference.failed")
    assert "ZeroDivisionError in line 1" in failed["failure"]["message"]
