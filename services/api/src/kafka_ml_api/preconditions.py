"""`ETag` and `If-Match`: a change that builds on what a client has seen, or is refused."""

import re

from kafka_ml_api.errors import StaleError
from kafka_ml_common.errors import InvalidError

_ETAG = re.compile(r'"(\d{1,9})"')


def etag(revision: int) -> str:
    """The entity tag of a revision."""
    return f'"{revision}"'


def revision_of(if_match: str | None) -> int | None:
    """The revision that an `If-Match` header asks for; None when there is no header or it is `*`.

    Raises:
        InvalidError: the header has another form.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidError(
            "If-Match has to be one entity tag.", advice="Send the ETag that came with the resource, with its quotes."
        )
    return int(found[1])


def check_revision(current: int, seen: int | None) -> None:
    """Refuse a change that builds on another revision than the current one.

    Raises:
        StaleError: the resource has changed.
    """
    if seen is not None and seen != current:
        raise StaleError(
            f"The resource has changed: its revision is {current}, not {seen}.",
            advice="Read it again, and repeat the change with its new ETag.",
        )
