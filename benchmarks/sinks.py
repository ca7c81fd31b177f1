"""How fast do sinks send, beside a loop that only produces? `python benchmarks/sinks.py [BOOTSTRAP] [--json FILE]`

784-byte samples with one-byte labels to one partition. The bare loop gets ready bytes and keeps no books; the sink starts from
arrays, encodes, follows every delivery report, and announces the stream. Rounds alternate, so that both meet the same machine.
"""

import argparse
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from confluent_kafka import Producer

from kafka_ml_local import Stack
from kafka_ml_sinks import RawSink

SAMPLES = 300_000
ROUNDS = 5


def bare(servers: str, values: list[bytes], keys: list[bytes], settings: dict[str, object]) -> float:
    """Messages a second of librdkafka's produce, called in a loop."""
    producer = Producer({"bootstrap.servers": servers, **settings})
    topic = f"bench-{uuid.uuid4().hex}"
    producer.produce(topic, b"first")
    producer.flush()
    start = time.perf_counter()
    for value, key in zip(values, keys, strict=True):
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return len(values) / (time.perf_counter() - start)


def sink(servers: str, x: np.ndarray, y: np.ndarray) -> float:
    """Samples a second through `send_many`, with the announcement at the end."""
    with RawSink(servers, topic=f"bench-{uuid.uuid4().hex}", deployment_id=1, control_topic="bench-control") as opened:
        opened.send(x[0], y[0])
        opened.flush()
        start = time.perf_counter()
        opened.send_many(x, y)
        opened.close()
    return len(x) / (time.perf_counter() - start)


@contextmanager
def broker(servers: str | None) -> Iterator[str]:
    """The given broker, or an embedded one for the time of the benchmark."""
    if servers:
        yield servers
        return
    with tempfile.TemporaryDirectory(prefix="kafka-ml-bench-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder))
        try:
            stack.broker.start()
            yield stack.broker.bootstrap_servers
        finally:
            stack.stop()


def main() -> None:
    """Measure, print a table, write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("servers", nargs="?")
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    x = np.random.default_rng(1).integers(0, 255, (SAMPLES, 784), np.uint8)
    y = (np.arange(SAMPLES) % 10).astype(np.uint8)
    values, keys = list(map(bytes, x)), list(map(bytes, y[:, None]))
    with broker(options.servers) as servers:
        loops: dict[str, Callable[[], float]] = {
            "bare produce, default settings": lambda: bare(servers, values, keys, {}),
            "bare produce, the sink's settings": lambda: bare(
                servers, values, keys, {"linger.ms": 20, "enable.idempotence": True}
            ),
            "RawSink.send_many": lambda: sink(servers, x, y),
        }
        rates: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(ROUNDS):
            for name, loop in loops.items():
                rates[name].append(loop())
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in medians.items():
        print(f"{name:40} {rate:12,.0f} samples/s   (of {', '.join(f'{r:,.0f}' for r in sorted(rates[name]))})")
    if options.json:
        options.json.write_text(json.dumps({"samples_per_second": medians, "rounds": rates}, indent=1))


if __name__ == "__main__":
    main()
