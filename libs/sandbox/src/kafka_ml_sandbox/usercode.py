"""User code: run a model's source under a name of its own, and tell its author what went wrong in it, and where."""

import errno
import linecache
import traceback
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

FILENAME = "<model code>"


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as its author should see it."""

    reason: str
    message: str
    line: int | None = None
    traceback: str | None = None


def run_code(source: str, namespace: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run `source` in `namespace` (a new one if none), and return it. Errors in it propagate; `describe` explains them."""
    namespace = {"__name__": "model"} if namespace is None else namespace
    lines = source.splitlines(keepends=True)
    # With no modification time the entry stays: tracebacks find the source lines although there is no such file.
    linecache.cache[FILENAME] = (len(source), None, lines, FILENAME)
    exec(compile(source, FILENAME, "exec"), namespace)  # noqa: S102 - running the user's code is what a guest is for
    return namespace


def describe(error: BaseException) -> Failure:
    """Turn an exception of a handler into what the host reports: only the user's frames, one sentence, a line number."""
    frames = [(frame, line) for frame, line in _walk(error.__traceback__) if frame.f_code.co_filename == FILENAME]
    line = frames[-1][1] if frames else None
    if isinstance(error, SyntaxError) and error.filename == FILENAME:
        text = "".join(traceback.format_exception_only(error)).rstrip()
        return Failure(
            "raised", f"The model's code has a syntax error in line {error.lineno}: {error.msg}.", error.lineno, text
        )
    shown = _format(error, frames)
    where = f" in line {line}" if line else ""
    if isinstance(error, SystemExit):
        return Failure(
            "exited", f"The model's code called exit({error.code!r}){where}; let it return instead.", line, shown
        )
    if _is_memory(error):
        return Failure("out_of_memory", _short(str(error)), line, shown)
    name = type(error).__name__
    advice = ""
    if isinstance(error, RecursionError):
        advice = " A function calls itself without end."
    elif isinstance(error, OSError) and error.errno == errno.EFBIG:
        advice = " A file grew beyond the file limit: write less, or ask for a higher limit."
    elif isinstance(error, ModuleNotFoundError):
        advice = (
            " It is not installed where models run: use what TensorFlow and numpy offer, or have it added to the guest."
        )
    elif isinstance(error, BlockingIOError) or (isinstance(error, RuntimeError) and "start new thread" in str(error)):
        advice = " It started more processes or threads than its limit."
    message = _short(str(error)).rstrip(".")
    return Failure("raised", f"The model's code raised {name}{where}: {message}.{advice}", line, shown)


def _walk(tb: TracebackType | None) -> list[tuple[FrameType, int]]:
    frames = []
    while tb is not None:
        frames.append((tb.tb_frame, tb.tb_lineno))
        tb = tb.tb_next
    return frames


def _format(error: BaseException, frames: list[tuple[FrameType, int]]) -> str | None:
    """The traceback of the user's frames only (the last 20), with their source lines."""
    if not frames:
        return None
    summary = traceback.StackSummary.extract(iter(frames[-20:]))
    head = "Traceback (most recent call last):\n"
    return (
        head
        + "".join(summary.format())
        + "".join(_short(part, 2000) for part in traceback.format_exception_only(error))
    )


def _is_memory(error: BaseException) -> bool:
    # By name, because the runner does not import TensorFlow to know its exceptions.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "OOM when allocating" in str(error)
        or "bad_alloc" in str(error)
    )


def _short(text: str, limit: int = 1000) -> str:
    return text if len(text) <= limit else f"{text[:limit]} ..."
