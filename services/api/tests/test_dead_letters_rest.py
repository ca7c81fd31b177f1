"""Dead letters are listed, looked at, corrected and sent again."""

import base64
import time
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from fastapi import FastAPI
from httpx import AsyncClient

from kafka_ml_common import topics as ours
from kafka_ml_common.dead_letters import MAX_VALUE_BYTES, dead_letter

from .test_previews import inference


async def bury(kafka: str, origin: str, value: bytes, *, inference: int = 1, at: int | None = None) -> tuple[int, int]:
    """Write a dead letter as an inferer does; gives its partition and offset."""
    letter = dead_letter(
        b"key",
        value,
        [("tenant", b"a")],
        source=f"/inferences/{inference}/0",
        position=origin,
        code="undecodable",
        message="Too short.",
    )
    headers = [(name, content or b"") for name, content in letter.headers]
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        sent = await producer.send_and_wait(
            ours.DEAD_LETTERS,
            letter.value,
            key=letter.key,
            headers=[*headers, ("kafka-ml-inference", b"%d" % inference)],
            timestamp_ms=at,
        )
    finally:
        await producer.stop()
    return sent.partition, sent.offset


async def listed(api: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get("/dead-letters", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_letters_are_listed_the_newest_first_and_page_by_page(
    app: FastAPI, api: AsyncClient, kafka: str, topic: str
):
    await app.state.parts[1].done.wait()
    for number in range(5):
        await bury(kafka, f"{topic}:0:{number}", b"%d" % number)
    await bury(kafka, "elsewhere:0:9", b"9")
    first = (await api.get("/dead-letters", params={"topic": topic, "limit": 2})).json()
    assert [letter["value"] for letter in first["items"]] == ["4", "3"]
    letter = first["items"][0]
    assert letter["origin"] == {"topic": topic, "partition": 0, "offset": 4}
    assert (letter["reason"], letter["message"], letter["service"]) == ("undecodable", "Too short.", "/inferences/1/0")
    assert (letter["key"], letter["headers"]) == ("key", [{"name": "tenant", "value": "a"}])
    rest = await listed(api, topic=topic, cursor=first["next_cursor"])
    assert [letter["value"] for letter in rest] == ["2", "1", "0"]
    assert await listed(api, topic=topic, service="control") == []
    assert (await api.get("/dead-letters", params={"cursor": "x"})).status_code == 422
    place = f"/dead-letters/{letter['partition']}/{letter['offset']}"
    assert (await api.get(place)).json() == letter
    assert (await api.get("/dead-letters/0/999999")).status_code == 404


async def paged(api: AsyncClient, topic: str, limit: int) -> list[int]:
    """Offsets that letters of a topic come from, page by page."""
    found, cursor = list[int](), None
    for _ in range(50):
        query = {"topic": topic, "limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/dead-letters", params=query)).json()
        found += [letter["origin"]["offset"] for letter in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


async def test_no_letter_is_passed_over_where_they_are_large_or_clocks_differ(
    app: FastAPI, api: AsyncClient, kafka: str, topic: str
):
    await app.state.parts[1].done.wait()
    now = int(time.time() * 1000)
    for number, late in enumerate((0, 5000, 1000, 2000)):
        await bury(kafka, f"{topic}:0:{number}", b"x", at=now + late)
    for number in range(30):
        await bury(kafka, f"{topic}-large:0:{number}", bytes(400_000))
    assert await paged(api, f"{topic}-large", 7) == list(range(29, -1, -1))
    assert await paged(api, topic, 1) == [3, 2, 1, 0]


async def test_one_letter_is_decoded_as_its_inference_decodes(app: FastAPI, api: AsyncClient, kafka: str, topic: str):
    await app.state.parts[1].done.wait()
    number = await inference(app.state.database, "out")

    async def attempt(value: bytes, of: int) -> Any:
        partition, offset = await bury(kafka, f"{topic}:0:0", value, inference=of)
        return (await api.get(f"/dead-letters/{partition}/{offset}")).json()["attempt"]

    assert "3" in (await attempt(b"\x01\x02\x03", number))["error"]  # bytes, where the model takes four
    assert (await attempt(b"\x01\x02\x03\x04", number))["values"] == [1, 2, 3, 4]
    assert await attempt(b"\x01\x02\x03\x04", 99) is None  # an inference that is gone
    assert await attempt(bytes(MAX_VALUE_BYTES + 1), number) is None  # cut


async def test_a_corrected_message_goes_where_the_bad_one_was(app: FastAPI, api: AsyncClient, kafka: str, topic: str):
    await app.state.parts[1].done.wait()
    partition, offset = await bury(kafka, f"{topic}:0:0", b"bad")
    good = base64.b64encode(b"good").decode()
    place = f"/dead-letters/{partition}/{offset}/resend"
    answers = [await api.post(place, json={"value_base64": good}, headers={"Idempotency-Key": "1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json() == {"topic": topic, "partition": 0, "offset": 0}
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        part = TopicPartition(topic, 0)
        consumer.assign([part])
        await consumer.seek_to_beginning(part)
        record = await consumer.getone()
        assert (await consumer.end_offsets([part]))[part] == 1
    finally:
        await consumer.stop()
    assert (record.key, record.value) == (b"key", b"good")
    assert dict(record.headers) == {"tenant": b"a", "kafka-ml-resent-from": f"{partition}:{offset}".encode()}


async def test_what_can_not_be_sent_again_says_why(
    app: FastAPI, api: AsyncClient, kafka: str, topic: str, topics: Callable[..., str]
):
    await app.state.parts[1].done.wait()

    async def resend(place: tuple[int, int], body: dict[str, str] | None = None) -> tuple[int, str]:
        answer = await api.post(f"/dead-letters/{place[0]}/{place[1]}/resend", json=body or {})
        return answer.status_code, answer.json().get("detail", "")

    cut = await bury(kafka, f"{topic}:0:0", b"x" * (MAX_VALUE_BYTES + 1))
    assert (await resend(cut))[0] == 409
    assert "has only the first" in (await resend(cut))[1]
    assert (await resend(cut, {"value_base64": "eA=="}))[0] == 202
    assert (await resend(cut, {"value_base64": "?"}))[0] == 422
    narrow = await bury(kafka, f"{topics(configs={'max.message.bytes': '5000'})}:0:0", b"x")
    large = base64.b64encode(bytes(10_000)).decode()
    assert "takes no message of" in (await resend(narrow, {"value_base64": large}))[1]
    gone = await bury(kafka, "no-such-topic:0:0", b"x")
    assert "is gone" in (await resend(gone))[1]
    platform = await bury(kafka, f"{ours.WORKLOADS}:0:0", b"x")
    assert "belongs to the platform" in (await resend(platform))[1]
    unknown = await bury(kafka, "nowhere", b"x")
    assert "does not say where" in (await resend(unknown))[1]
    assert (await resend((0, 999999)))[0] == 404
