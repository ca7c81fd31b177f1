"""How many predictions a second does one inferer make, exactly once, and how much latency does it add?

    python benchmarks/inference.py [--messages 300000] [--json benchmarks/results/inference.json]

Three loops over the same preloaded messages (784 bytes, RAW uint8) and the same network (784 -> 3 x 32 -> 10), one partition, one
at a time, on the embedded broker, all with transactions:

    bare      confluent-kafka, consume and produce without a model: what the broker and the client allow
    tuned     confluent-kafka and the model as a traced tf.function in the same process, tuned as an expert would: large batches,
              joined decoding, rows encoded in one call, librdkafka's settings as ours; value only: no key, headers or lineage
    inferer   Kafka-ML's inferer as it is deployed: model in its guest, key, headers and lineage carried, dead letters, events

A rate is messages divided by the time from the first to the last record in the output topic, by their timestamps; the output is
then read with read_committed and must hold each input once.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_ml_common import topics as platform_topics
from kafka_ml_common.workloads import Assignment, InferenceSettings, InferenceSpec, ModelCode
from kafka_ml_local import Stack

CODE = """
model = keras.Sequential([
    keras.layers.Input((784,)),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
"""
SAVE = "import sys, keras; exec(sys.argv[1]); model.save(sys.argv[2])"
QUIET = {"CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "2"}
DEADLINE = 180.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--batch", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=3, help="each loop runs so often; the median counts")
    parser.add_argument("--rate", type=int, default=200, help="messages a second when latency is measured")
    parser.add_argument("--seconds", type=int, default=10, help="how long latency is measured; 0 leaves it out")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "inference.json")
    parser.add_argument("--keep-logs", type=Path, help="folder for the inferer's logs")
    parser.add_argument("--loop", choices=("bare", "tuned"), help=argparse.SUPPRESS)
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        loop(options.loop == "tuned", **options.work)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the stack is stopped then, too
    with tempfile.TemporaryDirectory(prefix="kafka-ml-bench-") as folder:
        stack = Stack(Path(folder))
        try:
            stack.broker.start()
            stack.s3.start()
            report = measure(stack, Path(folder), options)
        finally:
            stack.stop()
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    show(report)


@dataclass
class Bench:
    """What the loops run on."""

    kafka: str
    environment: dict[str, str]
    logs: Path
    model: Path
    model_key: str
    batch: int
    runs: int = 0

    def topic(self, name: str) -> str:
        self.runs += 1
        topic = f"{name}-{self.runs}"
        admin = AdminClient({"bootstrap.servers": self.kafka})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
        return topic


def measure(stack: Stack, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    bench = prepare(stack, folder, options)
    source = bench.topic("digits")
    preload(bench.kafka, source, options.messages)
    runs = {"bare": bare, "tuned": tuned, "inferer": inferer}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            target = bench.topic(name)
            with run(bench, source, target):
                rates[name].append(rate_of(bench.kafka, target, options.messages))
            print(f"{name:8} {rates[name][-1]:12,.0f} messages/s", flush=True)
    median = {name: statistics.median(found) for name, found in rates.items()}
    report = {
        "question": "predictions a second of one inferer, exactly once, and the latency it adds",
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "messages": options.messages,
        "batch": options.batch,
        "reference": "tuned: traced tf.function in the consumer's process, transactions, value only",
        "messages_per_second": median,
        "rounds": rates,
        "inferer_to_tuned": median["inferer"] / median["tuned"],
        "inferer_to_bare": median["inferer"] / median["bare"],
    }
    if options.seconds:
        latencies = {}
        for name, run in {"bare": bare, "inferer": inferer}.items():
            source, target = bench.topic("slow"), bench.topic(f"slow-{name}")
            preload(bench.kafka, source, 1)
            with run(bench, source, target):
                latencies[name] = latency(bench.kafka, source, target, options.rate, options.seconds)
        report["latency_rate"] = options.rate
        report["latency_ms"] = latencies
        report["added_ms"] = {share: latencies["inferer"][share] - latencies["bare"][share] for share in ("p50", "p99")}
    return report


def prepare(stack: Stack, folder: Path, options: argparse.Namespace) -> Bench:
    model = folder / "model.keras"
    subprocess.run([sys.executable, "-c", SAVE, CODE, str(model)], check=True, env=os.environ | QUIET, timeout=DEADLINE)
    key = "models/1/model.keras"
    stack.s3.client().fput_object(stack.s3.bucket, key, str(model))
    kafka = stack.broker.bootstrap_servers
    environment = (
        os.environ
        | QUIET
        | {
            "KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "KAFKA_ML_S3_ENDPOINT": stack.s3.endpoint,
            "KAFKA_ML_S3_ACCESS_KEY": stack.s3.access_key,
            "KAFKA_ML_S3_SECRET_KEY": stack.s3.secret_key,
            "KAFKA_ML_S3_SECURE": "false",
            "KAFKA_ML_S3_BUCKET": stack.s3.bucket,
        }
    )
    ours = [NewTopic(platform_topics.EVENTS, 3, 1), NewTopic(platform_topics.DEAD_LETTERS, 1, 1)]
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.create_topics(ours).values():
        future.result(30)
    return Bench(kafka, environment, options.keep_logs or folder, model, key, options.batch)


def preload(kafka: str, topic: str, count: int) -> None:
    images = np.random.default_rng(1).integers(0, 255, (1024, 784)).astype("uint8")
    messages = [image.tobytes() for image in images]
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000})
    for number in range(count):
        while True:
            try:
                producer.produce(topic, messages[number % 1024], b"\x00")
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(DEADLINE):
        raise RuntimeError("the broker did not take all messages")


@contextmanager
def bare(bench: Bench, source: str, target: str) -> Iterator[None]:
    with process(bench, "bare", source, target):
        yield


@contextmanager
def tuned(bench: Bench, source: str, target: str) -> Iterator[None]:
    with process(bench, "tuned", source, target):
        yield


@contextmanager
def process(bench: Bench, name: str, source: str, target: str) -> Iterator[None]:
    work = dict(kafka=bench.kafka, model=str(bench.model), source=source, target=target, batch=bench.batch)  # noqa: C408
    command = [sys.executable, __file__, "--loop", name, "--work", json.dumps(work)]
    with running(subprocess.Popen(command, env=bench.environment)):
        yield


@contextmanager
def inferer(bench: Bench, source: str, target: str) -> Iterator[None]:
    spec = InferenceSpec(
        inference_id=bench.runs,
        result_id=1,
        model=ModelCode(model_id=1, version=1, name="digits", code=CODE),
        model_object=bench.model_key,
        input_format="RAW",
        input_config={"data_type": "uint8", "data_reshape": "784"},
        input_topic=source,
        output_topic=target,
        settings=InferenceSettings(max_batch=bench.batch),
    )
    line = Assignment(spec=spec).model_dump_json() + "\n"
    command = [sys.executable, "-m", "kafka_ml_inferer"]
    with (
        (bench.logs / f"inferer-{bench.runs}.log").open("wb") as log,
        running(subprocess.Popen(command, env=bench.environment, stdin=subprocess.PIPE, stderr=log)) as started,
    ):
        assert started.stdin is not None
        started.stdin.write(line.encode())
        started.stdin.flush()
        yield


@contextmanager
def running(child: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield child
    finally:
        child.terminate()
        child.wait(30)


def client(kafka: str, name: str) -> tuple[Consumer, Producer]:
    """A transactional pair, with the same librdkafka settings as the inferer's."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": name,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": 64 << 10,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": kafka,
            "transactional.id": name,
            "retry.backoff.ms": 10,
            "linger.ms": 5,
            "batch.num.messages": 20_000,
            "queue.buffering.max.messages": 200_000,
        }
    )
    producer.init_transactions(30)
    return consumer, producer


def loop(with_model: bool, *, kafka: str, model: str, source: str, target: str, batch: int) -> None:
    """Consume, predict if asked to, produce, commit, for ever."""
    predict = traced(model, batch) if with_model else None
    answer = orjson.dumps(
        {"values": np.random.default_rng(1).random(10, np.float32)}, option=orjson.OPT_SERIALIZE_NUMPY
    )
    consumer, producer = client(kafka, target)
    consumer.subscribe([source])
    while True:
        messages = consumer.consume(1, 0.1)
        if messages:
            messages += consumer.consume(batch - 1, 0)
        if 1 < len(messages) < batch:
            messages += consumer.consume(batch - len(messages), 0.005)
        messages = [message for message in messages if message.error() is None]
        if not messages:
            continue
        if predict is None:
            rows = [answer] * len(messages)
        else:
            x = np.frombuffer(b"".join([message.value() for message in messages]), np.uint8).reshape(-1, 784)
            body = orjson.dumps(predict(x), option=orjson.OPT_SERIALIZE_NUMPY)
            rows = [b'{"values":[' + row + b"]}" for row in body[2:-2].split(b"],[")]
        producer.begin_transaction()
        produce = producer.produce
        for row in rows:
            produce(target, row)
        last = messages[-1]
        offsets = [TopicPartition(source, last.partition(), last.offset() + 1)]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


def traced(model: str, batch: int) -> Any:
    import keras
    import tensorflow as tf

    net = keras.models.load_model(model)
    sizes = [2**power for power in range(20) if 2**power < batch] + [batch]
    function = tf.function(lambda x: net(x, training=False))
    graphs = {size: function.get_concrete_function(tf.TensorSpec((size, 784), tf.uint8)) for size in sizes}
    for size, graph in graphs.items():
        graph(tf.zeros((size, 784), tf.uint8))

    def predict(x: Any) -> Any:
        size = next(size for size in sizes if size >= len(x))
        padded = x if size == len(x) else np.concatenate([x, np.zeros((size - len(x), 784), np.uint8)])
        return graphs[size](tf.constant(padded)).numpy()[: len(x)]

    return predict


def rate_of(kafka: str, topic: str, count: int) -> float:
    """Messages a second, once `count` are committed in the topic; read only afterwards, so that reading costs nothing meanwhile."""
    probe = Consumer({"bootstrap.servers": kafka, "group.id": "probe", "isolation.level": "read_committed"})
    partition = TopicPartition(topic, 0, 0)
    deadline = time.monotonic() + DEADLINE
    pause = threading.Event()
    while probe.get_watermark_offsets(partition, timeout=10)[1] < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{topic} is not done in time")
        pause.wait(0.5)
    probe.assign([partition])
    times: list[int] = []
    while len(times) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{topic} holds only {len(times)} of {count} messages")
        times += [message.timestamp()[1] for message in probe.consume(50_000, 0.5) if message.error() is None]
    if len(times) > count or probe.consume(1, 1.0):
        raise RuntimeError(f"{topic} holds more than {count} messages")
    probe.close()
    return count / (times[-1] - times[0]) * 1000


def latency(kafka: str, source: str, target: str, rate: int, seconds: int) -> dict[str, float]:
    """Milliseconds from producing an input to reading its committed output, at a steady rate; after the first output came."""
    reader = Consumer({"bootstrap.servers": kafka, "group.id": "latency", "isolation.level": "read_committed"})
    reader.assign([TopicPartition(target, 0, 0)])
    deadline = time.monotonic() + DEADLINE
    while not reader.consume(1, 0.5):
        if time.monotonic() > deadline:
            raise RuntimeError(f"nothing comes in {target}")
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 0})
    sent: list[float] = []
    warm_up = rate * 2
    total = warm_up + rate * seconds

    def send() -> None:
        begin = time.perf_counter()
        pause = threading.Event()
        for number in range(total):
            pause.wait(max(0.0, begin + number / rate - time.perf_counter()))
            sent.append(time.perf_counter())
            producer.produce(source, bytes(784), b"\x00")
            producer.poll(0)
        producer.flush(10)

    sender = threading.Thread(target=send)
    sender.start()
    got: list[float] = []
    while len(got) < total:
        if time.monotonic() > deadline:
            raise RuntimeError("some outputs did not come")
        message = reader.poll(0.5)
        if message is not None and message.error() is None:
            got.append(time.perf_counter())
    sender.join()
    reader.close()
    taken = np.array(got[warm_up:]) - np.array(sent[warm_up:])
    return {name: round(float(np.percentile(taken, share)) * 1000, 2) for name, share in (("p50", 50), ("p99", 99))}


def show(report: dict[str, Any]) -> None:
    print(
        f"\n{report['messages']:,} messages, batches of {report['batch']:,}, median of {len(report['rounds']['bare'])}"
    )
    for name, rate in report["messages_per_second"].items():
        print(f"  {name:8} {rate:12,.0f} messages/s")
    print(f"  inferer : tuned {report['inferer_to_tuned']:.2f}, inferer : bare {report['inferer_to_bare']:.2f}")
    for name, found in report.get("latency_ms", {}).items():
        print(f"  {name:8} p50 {found['p50']:.2f} ms, p99 {found['p99']:.2f} ms at {report['latency_rate']} messages/s")
    if "added_ms" in report:
        print(f"  added    p50 {report['added_ms']['p50']:.2f} ms, p99 {report['added_ms']['p99']:.2f} ms")


if __name__ == "__main__":
    main()
