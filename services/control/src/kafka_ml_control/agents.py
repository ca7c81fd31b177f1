"""The agent that joins deployments and data streams. Decisions are in matching.py; here is what they do to the world.

The way of a record: deployment request or control message -> decoded, or put on the dead-letter topic with the reason ->
ranges checked against the log -> what follows is published and acknowledged -> the table changes -> the offset is committed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import faust
import structlog
from structlog.contextvars import bound_contextvars

from kafka_ml_common import topics
from kafka_ml_common.cloudevents import Record, decode
from kafka_ml_common.errors import InvalidError, KafkaMLError, UnavailableError
from kafka_ml_common.messages import Failure, StreamMatched, StreamRecorded, StreamRefused
from kafka_ml_common.streams import ControlMessage
from kafka_ml_common.workloads import ENDED, DeploymentRequest
from kafka_ml_control.app import app, pairings
from kafka_ml_control.matching import Announcement, Pairing, check_ranges, training_specs, unsupported

log = structlog.get_logger(__name__)

_LONGEST_PAUSE_SECONDS = 10.0
_REQUESTS = {DeploymentRequest.type: DeploymentRequest}


async def join(stream: faust.StreamT[bytes]) -> None:
    """Match what comes in, one record after another, for as long as the service runs."""
    async for event in stream.events():
        record = _record_of(event)
        with bound_contextvars(input=f"{record.topic}:{record.partition}:{record.offset}"):
            await until_available(partial(handle, record))


async def handle(record: Record) -> None:
    """Do what one record asks for. A record that can't be understood becomes a dead letter and changes nothing."""
    try:
        if record.topic == topics.DEPLOYMENTS:
            await _on_deployment(record)
        else:
            await _on_stream(read_announcement(record))
    except UnavailableError:
        raise
    except KafkaMLError as error:
        await app.publisher.dead_letter(record, error)
    except Exception as error:
        # Faust would drop the record and go on; nothing may vanish without a trace, so it is kept where operators look.
        log.exception("a record could not be handled")
        await app.publisher.dead_letter(record, InvalidError(f"Handling it failed unexpectedly: {error!r}."))


async def until_available(work: Callable[[], Awaitable[None]]) -> None:
    """Do the work again, with growing pauses, until the parts that it needs are there."""
    pause = 0.2
    while True:
        try:
            await work()
        except UnavailableError as error:
            log.warning("will try again", error=str(error), pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        else:
            return


def read_announcement(record: Record) -> Announcement:
    """The data stream that a control message tells of, whichever form its key has.

    Raises:
        InvalidError: key or value are no form that is known.
    """
    return Announcement(
        deployment_id=ControlMessage.decode_key(record.key, record.headers),
        stream=ControlMessage.from_bytes(record.value or b""),
    )


async def _on_deployment(record: Record) -> None:
    deployment_id = (record.key or b"").decode(errors="replace")
    if record.value is None:
        await _withdraw(deployment_id, stop=ENDED not in record.headers)
        return
    request = decode(record, _REQUESTS).data
    pairing = _pairing(request.key).with_request(request)
    for stream in pairing.early:
        if pairing.awaits_stream:
            pairing = await _offer(pairing, Announcement(deployment_id=request.deployment_id, stream=stream))
    _keep(request.key, pairing)


async def _on_stream(announcement: Announcement) -> None:
    deployment_id = announcement.deployment_id
    pairing = _pairing(str(deployment_id))
    # A stream that is matched already was checked then; a repetition must not complain that its data is gone by now.
    if pairing.matched == announcement.fingerprint:
        log.info("stream repeated", deployment_id=deployment_id, fingerprint=announcement.fingerprint)
        return
    failure = await _failure_of(announcement)
    if failure is not None:
        await _refuse(announcement, failure)
        return
    await app.publisher.publish(
        StreamRecorded(deployment_id=deployment_id, fingerprint=announcement.fingerprint, stream=announcement.stream)
    )
    if pairing.awaits_stream:
        _keep(str(deployment_id), await _match(pairing, announcement))
    elif pairing.request is None:
        log.info("stream kept until its deployment appears", deployment_id=deployment_id)
        _keep(str(deployment_id), pairing.with_early(announcement.stream))
    else:
        log.info("the deployment has its stream already; this one is only recorded", deployment_id=deployment_id)


async def _offer(pairing: Pairing, announcement: Announcement) -> Pairing:
    """Match an early stream, whose data may have gone since it was announced."""
    failure = await _failure_of(announcement)
    if failure is not None:
        await _refuse(announcement, failure)
        return pairing
    return await _match(pairing, announcement)


async def _match(pairing: Pairing, announcement: Announcement) -> Pairing:
    request = pairing.request
    if request is None:
        return pairing
    specs = training_specs(request, announcement.stream)
    for spec in specs:
        await app.publisher.publish(spec)
    await app.publisher.publish(
        StreamMatched(
            deployment_id=request.deployment_id,
            fingerprint=announcement.fingerprint,
            result_ids=tuple(spec.result_id for spec in specs),
        )
    )
    log.info("matched", deployment_id=request.deployment_id, workloads=[spec.workload_id for spec in specs])
    return pairing.with_match(announcement.stream)


async def _withdraw(deployment_id: str, *, stop: bool) -> None:
    pairing = _pairing(deployment_id)
    if stop and pairing.request is not None and pairing.matched is not None:
        for target in pairing.request.targets:
            await app.publisher.withdraw(topics.WORKLOADS, f"training-{target.result_id}")
    pairings.pop(deployment_id, None)
    log.info("withdrawn", deployment_id=deployment_id)


async def _failure_of(announcement: Announcement) -> Failure | None:
    ranges = announcement.stream.ranges
    return unsupported(announcement.stream) or check_ranges(ranges, await app.offsets.of(ranges))


async def _refuse(announcement: Announcement, failure: Failure) -> None:
    await app.publisher.publish(
        StreamRefused(deployment_id=announcement.deployment_id, fingerprint=announcement.fingerprint, failure=failure)
    )
    log.warning("stream refused", deployment_id=announcement.deployment_id, reason=failure.message)


def _pairing(deployment_id: str) -> Pairing:
    return Pairing.model_validate_json(pairings.get(deployment_id) or "{}")


def _keep(deployment_id: str, pairing: Pairing) -> None:
    pairings[deployment_id] = pairing.model_dump_json()


def _record_of(event: faust.EventT) -> Record:
    message = event.message
    headers = message.headers.items() if isinstance(message.headers, dict) else message.headers or ()
    return Record(
        message.topic,
        message.key,
        message.value,
        tuple((name, value or b"") for name, value in headers),
        message.partition,
        message.offset,
    )
