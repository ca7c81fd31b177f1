"""Dead letters are listed, looked at, corrected and sent again."""

import base64
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from fastapi import FastAPI
from httpx import AsyncClient

from kafka_ml_common import topics
from kafka_ml_common.dead_letters import MAX_VALUE_BYTES, dead_letter


async def bury(kafka: str, origin: str, value: bytes, *, code: str = "undecodable") -> tuple[int, int]:
    """Write a dead letter as an inferer does; gives its partition and offset."""
    letter = dead_letter(
        b"key", value, [("tenant", b"a")], source="/inferences/1/0", position=origin, code=code, message="Too short."
    )
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        sent = await producer.send_and_wait(
            topics.DEAD_LETTERS, letter.value, key=letter.key, headers=[(n, v or b"") for n, v in letter.headers]
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


async def test_what_can_not_be_sent_again_says_why(app: FastAPI, api: AsyncClient, kafka: str, topic: str):
    await app.state.parts[1].done.wait()

    async def resend(place: tuple[int, int], body: dict[str, str] | None = None) -> tuple[int, str]:
        answer = await api.post(f"/dead-letters/{place[0]}/{place[1]}/resend", json=body or {})
        return answer.status_code, answer.json().get("detail", "")

    cut = await bury(kafka, f"{topic}:0:0", b"x" * (MAX_VALUE_BYTES + 1))
    assert (await resend(cut))[0] == 409
    assert "has only the first" in (await resend(cut))[1]
    assert (await resend(cut, {"value_base64": "eA=="}))[0] == 202
    assert (await resend(cut, {"value_base64": "?"}))[0] == 422
    gone = await bury(kafka, "no-such-topic:0:0", b"x")
    assert "is gone" in (await resend(gone))[1]
    ours = await bury(kafka, f"{topics.WORKLOADS}:0:0", b"x")
    assert "belongs to the platform" in (await resend(ours))[1]
    unknown = await bury(kafka, "nowhere", b"x")
    assert "does not say where" in (await resend(unknown))[1]
    assert (await resend((0, 999999)))[0] == 404
