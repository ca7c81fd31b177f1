"""The one hierarchy of errors that a user, an operator or a client may meet."""


class KafkaMLError(Exception):
    """Something that went wrong, told in one sentence, with advice where there is any.

    Attributes:
        message: what happened, for people.
        advice: what to do about it, or None.
        pointer: JSON pointer to the field of a request that is at fault (RFC 6901), or None.
    """

    code = "error"

    def __init__(self, message: str, *, advice: str | None = None, pointer: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.pointer = pointer

    def __str__(self) -> str:
        return f"{self.message} {self.advice}" if self.advice else self.message


class InvalidError(KafkaMLError):
    """The request or message can't be accepted as it is; the same again will fail again."""

    code = "invalid"


class NotFoundError(KafkaMLError):
    """What the request names does not exist."""

    code = "not-found"


class ConflictError(KafkaMLError):
    """The request does not fit the state that the thing is in."""

    code = "conflict"


class UnavailableError(KafkaMLError):
    """A part that is needed can't be reached just now; the same again may succeed."""

    code = "unavailable"
