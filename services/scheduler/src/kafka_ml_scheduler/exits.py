"""Exits: what a host's exit code means, in a sentence for people. Pure.

A host that a signal ended has the shell's code for it: 128 and the signal's number.
"""

import signal

from kafka_ml_common.messages import Failure

TEMPORARY = 75
"""EX_TEMPFAIL of sysexits.h: something that the host needs is away; the same again may succeed."""

TAIL_LINES = 40
_LAST_WORDS = 300

_SIGNALS = {
    signal.SIGKILL: ("killed", "It was killed (SIGKILL), by an operator or because the machine ran out of memory."),
    signal.SIGTERM: ("killed", "It was asked to end (SIGTERM) by something other than Kafka-ML, such as an operator or a shutdown."),
    signal.SIGINT: ("killed", "It was interrupted (SIGINT) by an operator."),
    signal.SIGSEGV: ("crashed", "It touched memory that isn't its own (SIGSEGV): a fault in a native library."),
    signal.SIGBUS: ("crashed", "It could not reach its memory (SIGBUS): the disk or the shared memory may be full."),
    signal.SIGABRT: ("crashed", "It gave up (SIGABRT): a native library found its own state broken."),
    signal.SIGILL: ("crashed", "It met an instruction that this processor doesn't know (SIGILL): a library was built for another one."),
    signal.SIGXCPU: ("killed", "It used more processor time than it was given (SIGXCPU)."),
    signal.SIGXFSZ: ("killed", "It wrote a larger file than it may (SIGXFSZ)."),
}  # fmt: skip


def explain(code: int | None, log: str) -> Failure:
    """Why a host ended.

    Args:
        code: its exit code, from 1 to 255; None if it left none.
        log: the last lines that it printed.
    """
    tail = last_lines(log)
    kind, message = _sentence(code, tail)
    return Failure(code=kind, message=message, log=tail or None)


def last_lines(log: str, count: int = TAIL_LINES) -> str:
    """The last `count` lines of a text."""
    return "\n".join(log.rstrip().splitlines()[-count:])


def _sentence(code: int | None, log: str) -> tuple[str, str]:
    if code is None:
        return "lost", "It ended without an exit code: it was killed as a whole, or the machine was restarted."
    if code == TEMPORARY:
        return "temporary", f"Something that it needs can't be reached; it will be tried again{_last_words(log)}."
    if code in (126, 127):
        return "not_startable", f"Its program can't be started{_last_words(log)}; is Kafka-ML installed completely?"
    if code > 128:
        return _signal_sentence(code - 128)
    if code == 0:
        return "ended", f"It ended by itself, though it should go on{_last_words(log)}."
    return "crashed", f"It ended with exit code {code}{_last_words(log)}."


def _signal_sentence(number: int) -> tuple[str, str]:
    try:
        known = signal.Signals(number)
    except ValueError:
        return "crashed", f"It ended with exit code {128 + number}."
    return _SIGNALS.get(known, ("killed", f"It was ended by a signal ({known.name})."))


def _last_words(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"; the last that it printed is: {lines[-1][:_LAST_WORDS].rstrip('.')}" if lines else ""
