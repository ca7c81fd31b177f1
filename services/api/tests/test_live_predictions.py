"""Predictions are followed as they are made."""

import asyncio
import json
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from httpx import AsyncClient

from kafka_ml_api.inferences.live import (
    LivePredictions,
    Watched,
    Watcher,
    class_of,
    class_of_truth,
    shown_of,
    summary_of,
)
from kafka_ml_api.previews import Prediction, predictions_of
from kafka_ml_common.codecs import codec_for
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.streams import InputFormat

from .test_previews import inference, message

DEADLINE = 30
RAW = {"data_type": "uint8", "data_reshape": "4", "label_type": "uint8", "label_reshape": ""}


def prediction(values: Any, truth: Any = None) -> Prediction:
    return Prediction(
        partition=0, offset=0, time=None, input=None, model_version=None, key=None, values=values, truth=truth
    )


@pytest.mark.parametrize(
    ("values", "winner"),
    [([0.1, 0.9], 1), ([1, 0, 0], 0), ([0.5], None), ([3.2, -1.0], None), ([0.9, 0.9], None), (None, None), ([], None)],
)
def test_a_classifier_is_known_by_its_probabilities(values: Any, winner: int | None):
    assert class_of(values) == winner


@pytest.mark.parametrize(
    ("truth", "label"), [(3, 3), ([3], 3), ([[3.0]], 3), ([0, 0, 1], 2), ([0.5, 0.5], None), (2.5, None), (None, None)]
)
def test_a_truth_names_a_class_by_number_or_by_place(truth: Any, label: int | None):
    assert class_of_truth(truth) == label


def test_a_summary_counts_classes_and_what_was_right_and_shows_some():
    many = [prediction([0.1, 0.9], 1) for _ in range(99)] + [prediction([0.8, 0.2], 1)]
    summary = summary_of(many, 1000, 0.5, shown_of([20] * 100))
    assert (summary.count, summary.rate, summary.looked_at) == (1000, 2000, 100)
    assert (summary.classes, summary.right, summary.judged) == ({"1": 99, "0": 1}, 99, 100)
    assert len(summary.latest) == 40
    assert summary.latest[-1].values == [0.8, 0.2]
    regression = summary_of([prediction([1.5], 1.4)], 1, 1)
    assert (regression.classes, regression.right) == (None, None)
    assert summary_of([], 0, 0).rate == 0


def test_a_label_of_one_byte_may_be_zero():
    labels = codec_for(InputFormat.RAW, RAW).labels
    records = [message(b'{"values": [0.9, 0.1]}', key) for key in (b"\x00", b"\x01", b"longer", None)]
    assert [found.truth for found in predictions_of(records, labels)] == [0, 1, None, None]


@pytest.mark.parametrize(
    ("count", "size", "shown"), [(0, 9, 0), (1, 9, 1), (40, 9, 40), (79, 9, 40), (100, 20_000, 10)]
)
def test_what_is_shown_is_evenly_picked_the_newest_last_and_never_large(count: int, size: int, shown: int):
    places = shown_of([size] * count)
    assert len(places) == shown
    assert places[-1:] == ([count - 1] if count else [])
    steps = [later - earlier for earlier, later in pairwise([-1, *places])]
    assert all(abs(step - count / shown) <= 1 for step in steps)


def test_a_single_prediction_is_shown_however_large_it_is():
    assert shown_of([5, 10_000_000]) == [1]


async def produce(kafka: str, topic: str, owner: int, count: int, *, truth: int = 1) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for number in range(count):
            value = json.dumps({"values": [0.2, 0.8]}).encode()
            headers = [("kafka-ml-inference", b"%d" % owner), ("kafka-ml-input", b"in:0:%d" % number)]
            await producer.send(topic, value, key=bytes([truth]), headers=headers)
    finally:
        await producer.stop()


async def test_all_who_watch_see_what_is_predicted_from_then_on_through_one_consumer(kafka: str, topic: str):
    await produce(kafka, topic, 1, 3)
    watcher = Watcher(KafkaSettings(bootstrap_servers=kafka))
    watched = Watched(1, topic, InputFormat.RAW, RAW)

    async def see(count: int, started: asyncio.Event) -> list[LivePredictions]:
        found: list[LivePredictions] = []
        async with asyncio.timeout(DEADLINE), aclosing(watcher.watch(watched)) as summaries:
            async for summary in summaries:
                started.set()  # the first is a heartbeat: the consumer stands at the end
                found.append(summary)
                if sum(part.count for part in found) >= count:
                    break
        return found

    ready = [asyncio.Event(), asyncio.Event()]
    watching = [asyncio.create_task(see(50, event)) for event in ready]
    async with asyncio.timeout(DEADLINE):
        for event in ready:
            await event.wait()
    assert len(watcher._tails) == 1
    await produce(kafka, topic, 2, 20)  # another's
    await produce(kafka, topic, 1, 50)
    for task in watching:
        summaries = await task
        assert sum(part.count for part in summaries) == 50
        assert sum(part.right or 0 for part in summaries) == 50
        assert all(shown.truth == 1 for part in summaries for shown in part.latest)
    assert watcher._tails == {}


async def test_what_is_too_much_is_counted_and_not_looked_at(kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kafka_ml_api.inferences.live._LOOKED_AT", 200)
    watcher = Watcher(KafkaSettings(bootstrap_servers=kafka))
    found: list[LivePredictions] = []
    async with asyncio.timeout(DEADLINE), aclosing(watcher.watch(Watched(1, topic, InputFormat.RAW, RAW))) as summaries:
        assert (await anext(summaries)).count == 0
        await produce(kafka, topic, 1, 9_000)
        async for summary in summaries:
            found.append(summary)
            if sum(part.count for part in found) >= 9_000:
                break
    assert sum(part.count for part in found) == 9_000
    assert 200 <= sum(part.looked_at for part in found) < 9_000
    assert all(len(part.latest) == 40 for part in found if part.looked_at >= 40)


async def test_what_is_not_committed_yet_is_not_counted_and_not_passed_over(kafka: str, topic: str):
    watcher = Watcher(KafkaSettings(bootstrap_servers=kafka))
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=topic)
    await producer.start()
    try:
        async with (
            asyncio.timeout(DEADLINE),
            aclosing(watcher.watch(Watched(1, topic, InputFormat.RAW, RAW))) as summaries,
        ):
            assert (await anext(summaries)).count == 0
            for commits in (False, True):
                await producer.begin_transaction()
                for _ in range(30):
                    value = json.dumps({"values": [0.2, 0.8]}).encode()
                    await producer.send_and_wait(topic, value, key=b"\x01", headers=[("kafka-ml-inference", b"1")])
                # Heartbeats only, for longer than after which what can't be kept up with is passed over.
                assert [(await anext(summaries)).count for _ in range(2)] == [0, 0]
                await (producer.commit_transaction() if commits else producer.abort_transaction())
            summary = await anext(summaries)
            while summary.count == 0:
                summary = await anext(summaries)
            assert (summary.count, summary.looked_at) == (30, 30)
    finally:
        await producer.stop()


async def test_too_many_inferences_at_once_are_refused_before_the_answer_begins(
    api: AsyncClient, app: FastAPI, kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("kafka_ml_api.inferences.live._MOST_WATCHED", 1)
    number = await inference(app.state.database, topic)
    watched = Watched(number + 1, topic, InputFormat.RAW, RAW)
    async with asyncio.timeout(DEADLINE), aclosing(app.state.watcher.watch(watched)) as summaries:
        await anext(summaries)
        answer = await api.get(f"/inferences/{number}/predictions/live")
    assert (answer.status_code, answer.json()["advice"]) == (503, "Close a page that shows another one.")


async def test_an_output_topic_that_is_not_there_ends_the_stream(kafka: str):
    watcher = Watcher(KafkaSettings(bootstrap_servers=kafka))
    async with asyncio.timeout(DEADLINE):
        assert [part async for part in watcher.watch(Watched(1, "no-such-topic", InputFormat.RAW, RAW))] == []


async def test_predictions_of_an_unknown_inference_can_not_be_followed(api: AsyncClient, app: FastAPI):
    assert (await api.get("/inferences/99/predictions/live")).status_code == 404
