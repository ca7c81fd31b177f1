"""The topics between which inferences work: created when they are missing, as whoever names a new topic expects."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from kafka_ml_common.errors import InvalidError, UnavailableError
from kafka_ml_common.settings import KafkaSettings

_SECONDS = 10
_REFUSED = (
    InvalidTopicError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
    InvalidReplicationFactorError,
)


class TopicMaker:
    """Creates topics. Each call has a connection of its own: it is rare."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    async def ensure(self, names: dict[str, str], partitions: int = 1) -> None:
        """Create those topics that do not exist; the broker's defaults hold for everything but the partitions.

        Args:
            names: the topics, with the pointer to the request's field that names each.

        Raises:
            InvalidError: Kafka refuses a name, or the right to create it.
            UnavailableError: Kafka can't be reached.
        """
        try:
            async with asyncio.timeout(_SECONDS):
                await self._ensure(names, partitions)
        except (KafkaError, TimeoutError, OSError) as error:
            raise UnavailableError(
                f"Kafka at {self._settings.bootstrap_servers} can't be reached: {error or 'no answer'}.",
                advice="Try again in a moment.",
            ) from error

    async def _ensure(self, names: dict[str, str], partitions: int) -> None:
        admin = AIOKafkaAdminClient(**self._settings.aiokafka(), request_timeout_ms=_SECONDS * 1000)
        try:
            await admin.start()
            existing = set(await admin.list_topics())
            missing = [name for name in names if name not in existing]
            if not missing:
                return
            response = await admin.create_topics(
                [NewTopic(name=name, num_partitions=partitions, replication_factor=-1) for name in missing]
            )
        finally:
            await admin.close()
        for name, code, *_ in response.topic_errors:
            kind = for_code(code)
            if code == 0 or kind is TopicAlreadyExistsError:
                continue
            if issubclass(kind, _REFUSED):
                raise InvalidError(
                    f"Kafka refuses to create topic {name}: {kind.__name__}.",
                    advice="Choose another name, or have the topic created.",
                    pointer=names[name],
                )
            raise kind(f"creating topic {name}")
