"""Transcript: what a guest prints, in a file that others read while it runs; bounded, whatever the guest prints."""

import contextlib
from pathlib import Path

TRANSCRIPT_BYTES = 4 << 20


class Transcript:
    """Appends to a file. Once that is full it becomes `<name>.previous`, and another begins.

    The file is opened anew for each piece, by its path as it was given: a relative one follows a working folder that is renamed.
    """

    def __init__(self, path: Path, limit: int = TRANSCRIPT_BYTES) -> None:
        self._path = path
        self._limit = limit

    def __call__(self, data: bytes) -> None:
        """Add what was printed. A disk that is full or gone loses it, and nothing else."""
        with contextlib.suppress(OSError):
            with self._path.open("ab") as file:
                file.write(data)
                full = file.tell() >= self._limit
            if full:
                self._path.replace(self._path.with_name(f"{self._path.name}.previous"))
