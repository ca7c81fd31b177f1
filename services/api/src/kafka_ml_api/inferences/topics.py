"""The topics between which inferences work: created when they are missing, as whoever names a new topic expects."""

import asyncio
import logging
import threading
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_ml_common import topics
from kafka_ml_common.errors import InvalidError, UnavailableError
from kafka_ml_common.settings import KafkaSettings

_DEADLINE_SECONDS = 10
_REFUSED = frozenset(
    {
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.POLICY_VIOLATION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.INVALID_REPLICATION_FACTOR,
    }
)


class TopicMaker:
    """Creates topics. librdkafka's client, as aiokafka's can't leave the replication factor to the broker."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings

    async def ensure(self, names: Mapping[str, str], partitions: int = 1) -> None:
        """Create those topics that do not exist; the broker's defaults hold for everything but the partitions.

        Args:
            names: the topics, with the pointer to the request's field that names each.

        Raises:
            InvalidError: Kafka refuses a name, or the right to create it.
            UnavailableError: Kafka can't be reached.
        """
        given_up = threading.Event()
        try:
            await asyncio.to_thread(self._ensure, names, partitions, given_up)
        finally:
            given_up.set()

    def _ensure(self, names: Mapping[str, str], partitions: int, given_up: threading.Event) -> None:
        try:
            admin = AdminClient(self._settings.confluent(), logger=logging.getLogger(__name__))
            existing = topics.list_topics(admin, _DEADLINE_SECONDS, given_up)
            missing = [NewTopic(name, partitions, -1) for name in names if name not in existing]
            if not missing:
                return
            for name, future in admin.create_topics(missing, request_timeout=_DEADLINE_SECONDS).items():
                self._finish(name, future.exception(_DEADLINE_SECONDS), names[name])
        except (KafkaException, TimeoutError) as error:
            reason = error.args[0].str() if isinstance(error, KafkaException) else "no answer"
            raise UnavailableError(
                f"Kafka at {self._settings.bootstrap_servers} can't be reached: {reason}.",
                advice="Try again in a moment.",
            ) from error

    @staticmethod
    def _finish(name: str, error: BaseException | None, pointer: str) -> None:
        if error is None:
            return
        code = error.args[0].code() if isinstance(error, KafkaException) else None
        if code == KafkaError.TOPIC_ALREADY_EXISTS:  # another request was faster
            return
        if code in _REFUSED:
            raise InvalidError(
                f"Kafka refuses to create topic {name}: {error.args[0].str()}",
                advice="Choose another name, or have the topic created.",
                pointer=pointer,
            )
        raise error
