"""Stopping: SIGTERM asks the work to end well, within seconds.

In a pod SIGTERM may as well mean that its node is drained, and the work shall go on elsewhere. There a file says that somebody wants it
stopped, and a signal alone ends the process without an outcome.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import structlog

from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_trainer.problems import Stopped

log = structlog.get_logger(__name__)

_REPEAT_SECONDS = 0.2
_LOOK_SECONDS = 0.5


class Stop:
    """Whether this process was asked to stop."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._wake = threading.Event()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask it to stop."""
        self._asked.set()
        self._wake.set()

    def check(self) -> None:
        """Raises Stopped if it was asked to."""
        if self.asked:
            raise Stopped

    def wait(self, seconds: float) -> bool:
        """Wait until it is asked to, or for so long; whether it was."""
        return self._asked.wait(seconds)

    def leave_at_signal(self, code: int = 0) -> None:
        """From now on SIGTERM and SIGINT end the process at once, with this exit code."""

        def leave(number: int, frame: FrameType | None) -> None:
            raise SystemExit(code)

        signal.signal(signal.SIGTERM, leave)
        signal.signal(signal.SIGINT, leave)

    def note_signal(self) -> None:
        """From now on SIGTERM and SIGINT ask the work to stop."""

        def note(number: int, frame: FrameType | None) -> None:
            self.ask()

        signal.signal(signal.SIGTERM, note)
        signal.signal(signal.SIGINT, note)

    def note_file(self, file: Path) -> None:
        """From now on the work is asked to stop by words in `file`, and a signal leaves it for another process to do."""
        self.leave_at_signal(os.EX_TEMPFAIL)

        def look() -> None:
            while not self._asked.wait(_LOOK_SECONDS):
                try:
                    if file.read_bytes().strip():
                        self.ask()
                except OSError:  # it is replaced whole, but may be missing at first
                    continue

        threading.Thread(target=look, name="stop-file", daemon=True).start()

    @contextmanager
    def passed_on(self, guest: Guest, patience_seconds: float) -> Iterator[None]:
        """While the guest is at work in this block, tell it when to stop, and kill it when it doesn't within `patience_seconds`."""
        done, wake = threading.Event(), threading.Event()
        self._wake = wake
        if self.asked:
            wake.set()

        def watch() -> None:
            wake.wait()
            if done.is_set():
                return
            # Told again and again: what a guest hears between two requests is not kept.
            for _ in range(max(1, round(patience_seconds / _REPEAT_SECONDS))):
                with suppress(GuestError):  # not ready yet, or gone, which the request notices
                    guest.tell("stop", {})
                if done.wait(_REPEAT_SECONDS):
                    return
            log.warning("the model's process does not stop and is killed", after_seconds=patience_seconds)
            guest.close()

        watcher = threading.Thread(target=watch, name="stop-watcher", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            wake.set()
            watcher.join()
