"""Errors that only the API knows, besides those of `kafka_ml_common.errors`."""

from collections.abc import Sequence

from kafka_ml_common.errors import ConflictError, KafkaMLError


class InUseError(ConflictError):
    """What should go is needed by others.

    Attributes:
        users: the resources that use it, such as `configurations/3`.
    """

    code = "in-use"

    def __init__(self, what: str, users: Sequence[str], *, advice: str) -> None:
        shown = ", ".join(users[:10]) + (f" and {len(users) - 10} more" if len(users) > 10 else "")
        super().__init__(f"{what} is in use by {shown}.", advice=advice)
        self.users = list(users)


class StaleError(KafkaMLError):
    """The resource is no longer what the client's `If-Match` names."""

    code = "stale"


class RefusedError(KafkaMLError):
    """The request may not be made from where it comes."""

    code = "refused"


class MalformedError(KafkaMLError):
    """The body is no JSON that can be read."""

    code = "malformed"


class MediaTypeError(KafkaMLError):
    """The body's media type is not one that is understood."""

    code = "media-type"


class TooLargeError(KafkaMLError):
    """The body is too long."""

    code = "too-large"


class MisdirectedError(KafkaMLError):
    """The request names a host that this service does not answer for."""

    code = "misdirected"
