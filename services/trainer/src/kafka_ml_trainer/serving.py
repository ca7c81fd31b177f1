"""Serving: a host that waits for validations by HTTP, one at a time, each in a guest of its own that was started ahead of it.

`POST /validations` with an assignment as JSON answers `{"exit": code}` once the outcome was reported, where `code` is what the process
would have ended with (main.py); 409 while another one is under way. Its client is the scheduler.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from pydantic import ValidationError

from kafka_ml_common.workloads import Assignment, ValidationSpec
from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_trainer.stopping import Stop

log = structlog.get_logger(__name__)

_MOST_BYTES = 2 << 20
_REQUEST_SECONDS = 30.0
_START_SECONDS = 600.0
"""How long the first guest may take: its container's image may have to be fetched first."""


class Validations:
    """The guest that waits, and the work that is done in it.

    Args:
        start: starts a guest, without waiting for it.
        work: does an assignment in a guest; the exit code.
    """

    def __init__(self, start: Callable[[], Guest], work: Callable[[Assignment, Guest], int]) -> None:
        self._start = start
        self._work = work
        self._turn = threading.Lock()
        self._guest = start()
        self._warm = threading.Event()
        self.broken = threading.Event()
        """Set when no guest can be started: another pod may fare better."""

    @property
    def is_warm(self) -> bool:
        """Whether a guest has been ready once."""
        return self._warm.is_set()

    def warm_up(self) -> None:
        """Wait for the first guest."""
        try:
            self._guest.ready(_START_SECONDS)
        except GuestError as error:
            log.error("no guest can be started", error=str(error))
            self.broken.set()
        else:
            log.info("waits for validations", isolation=self._guest.isolation)
            self._warm.set()

    def run(self, assignment: Assignment) -> int | None:
        """Do it; the exit code, or None if another one is under way."""
        if not self._turn.acquire(blocking=False):
            return None
        try:
            return self._work(assignment, self._guest)
        finally:
            # Whatever was in this guest is not met by the next one's code.
            self._guest.close()
            try:
                self._guest = self._start()
            except GuestError as error:
                log.error("no guest can be started", error=str(error))
                self.broken.set()
            self._turn.release()

    def close(self) -> None:
        """End the guest, once the work in it has ended."""
        with self._turn:
            self._guest.close()


def serve(validations: Validations, port: int, token: str | None, stop: Stop) -> int:
    """Answer until asked to stop; the exit code."""
    server = ThreadingHTTPServer(("", port), _handler(validations, token))
    server.daemon_threads = False  # a validation that is under way is told to stop, and awaited
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    threading.Thread(target=validations.warm_up, name="warm-up", daemon=True).start()
    try:
        while not stop.wait(0.5):
            if validations.broken.is_set():
                return 1
        return 0
    finally:
        server.shutdown()
        server.server_close()
        validations.close()


def _handler(validations: Validations, token: str | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_SECONDS

        def do_GET(self) -> None:
            match self.path:
                case "/livez":
                    self._answer(HTTPStatus.OK, {"status": "alive"})
                case "/readyz" if validations.is_warm:
                    self._answer(HTTPStatus.OK, {"status": "ready"})
                case "/readyz":
                    self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready"})
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, {"error": "there is no such page"})

        def do_POST(self) -> None:
            if self.path != "/validations":
                self._answer(HTTPStatus.NOT_FOUND, {"error": "there is no such page"})
            elif not self._is_allowed():
                self._answer(HTTPStatus.UNAUTHORIZED, {"error": "a token is needed"})
            elif (assignment := self._assignment()) is not None:
                code = validations.run(assignment)
                if code is None:
                    self._answer(HTTPStatus.CONFLICT, {"error": "another validation is under way"})
                else:
                    self._answer(HTTPStatus.OK, {"exit": code})

        def _is_allowed(self) -> bool:
            given = self.headers.get("Authorization", "")
            return token is None or hmac.compare_digest(given.encode(), f"Bearer {token}".encode())

        def _assignment(self) -> Assignment | None:
            length = self.headers.get("Content-Length", "")
            if not length.isascii() or not length.isdigit() or len(length) > 9 or int(length) > _MOST_BYTES:
                self._answer(HTTPStatus.BAD_REQUEST, {"error": f"a body of at most {_MOST_BYTES} bytes is needed"})
                return None
            try:
                assignment = Assignment.model_validate_json(self.rfile.read(int(length)))
            except ValidationError as error:
                self._answer(HTTPStatus.BAD_REQUEST, {"error": str(error)[:1000]})
                return None
            if not isinstance(assignment.spec, ValidationSpec):
                self._answer(HTTPStatus.BAD_REQUEST, {"error": "only validations are done here"})
                return None
            return assignment

        def _answer(self, status: HTTPStatus, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            log.debug("request", line=format % args)

    return Handler
