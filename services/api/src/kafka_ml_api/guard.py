"""What every request passes first: is it for us, from where it may come, and is its body JSON of a sane size and depth?

Pure ASGI, so that streams pass through untouched. A browser lets any page send simple requests to the loopback; so requests that change
something have to come from this site itself (or from no browser), and the host's name has to be one of ours (DNS rebinding).
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kafka_ml_api.errors import MalformedError, MediaTypeError, MisdirectedError, RefusedError, TooLargeError
from kafka_ml_api.problems import of_error
from kafka_ml_common.errors import KafkaMLError

MAX_BODY_BYTES = 2 << 20
MAX_DEPTH = 64

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Asked for by address, by whoever watches over the service; they change nothing and tell no secrets.
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Refuses requests before the application sees them.

    Args:
        hosts: names that the service answers for, besides those of the loopback; `*` for any.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = _LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            if scope["path"] not in _PROBES:
                self._check_host(headers)
            if scope["method"] not in _SAFE:
                _check_site(headers)
                body = await _read(receive, headers)
                if body:
                    _check_json(body, headers)
                receive = _again(body, receive)
        except KafkaMLError as error:
            await of_error(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        host = _name_of(headers.get("host", ""))
        if "*" not in self._hosts and host not in self._hosts:
            raise MisdirectedError(
                f"This service does not answer for the host {host[:200]!r}.",
                advice="Name it in KAFKA_ML_ALLOWED_HOSTS.",
            )


def _check_site(headers: Headers) -> None:
    origin = headers.get("origin")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RefusedError("Requests from pages of another site are refused.")
    if origin is not None and _site_of(origin) != headers.get("host", "").lower():
        raise RefusedError(f"Requests from pages of {origin[:200]} are refused.")


async def _read(receive: Receive, headers: Headers) -> bytes:
    if int(_digits(headers.get("content-length"))) > MAX_BODY_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise _too_large()
        more = message.get("more_body", False)
    return b"".join(parts)


def _check_json(body: bytes, headers: Headers) -> None:
    media_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise MediaTypeError("The body has to be JSON.", advice="Send it with Content-Type: application/json.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"The body is no valid JSON: {error}.") from error
    if _is_deep(document):
        raise MalformedError(f"The body is nested more than {MAX_DEPTH} deep.")


def _is_deep(document: Any) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for value in level
            if isinstance(value, dict | list)
            for part in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body which was read already, and then what the connection gives."""
    pending = True

    async def receive_again() -> Message:
        nonlocal pending
        if pending:
            pending = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return receive_again


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _site_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # an address that begins like IPv6 and isn't
        return None


def _digits(text: str | None) -> str:
    return text if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else "0"


def _too_large() -> TooLargeError:
    return TooLargeError(f"The body is longer than {MAX_BODY_BYTES} bytes.")
