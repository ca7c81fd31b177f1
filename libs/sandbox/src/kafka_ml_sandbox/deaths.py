"""Deaths: every way a guest can end, in one sentence that the author of a model can act on. Pure."""

import signal
from collections.abc import Mapping
from typing import Any

from kafka_ml_sandbox.limits import Limits

CONTAINER_ENDED = "The model's container ended, most likely because it passed its memory limit: use smaller layers or batches, or raise the limit."


class GuestError(Exception):
    """A request failed in the guest, or the guest is gone."""

    def __init__(
        self, reason: str, message: str, *, traceback: str | None = None, line: int | None = None, output: str = ""
    ) -> None:
        """Describe the failure.

        Args:
            reason: a code: "raised" (the user's code did), "exited", "out_of_memory", "cpu_limit", "timeout",
                "too_many_processes", "disk_full", "unwatched", "crashed", "killed", "protocol", "start" or "closed".
            message: one sentence for users, with advice.
            traceback: the frames of the user's code only.
            line: the line of the user's code.
            output: what the guest printed, bounded.
        """
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.traceback = traceback
        self.line = line
        self.output = output


def size(count: float) -> str:
    """A number of bytes for people: 2 GiB, 512 MiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"


def out_of_memory(limits: Limits | None) -> str:
    limit = f"its limit of {size(limits.memory_bytes)}" if limits else "there is"
    return f"The model needs more memory than {limit}: use smaller layers or batches, or raise the memory limit."


def why_stopped(cause: str, limits: Limits | None, timeout: float | None, detail: str = "") -> str:
    """The sentence for a guest that the host itself stopped because of `cause`."""
    match cause:
        case "out_of_memory":
            return out_of_memory(limits)
        case "cpu_limit" if limits:
            return (
                f"The model used more than its {limits.cpu_seconds} seconds of processor time: train fewer epochs, use less data, "
                "or raise the limit."
            )
        case "timeout" if timeout is not None:
            return (
                f"The model did not finish within {timeout:g} seconds: look for an endless loop, train fewer epochs, or raise the "
                "time limit."
            )
        case "too_many_processes" if limits:
            return (
                f"The model started more than {limits.processes} processes or threads: models must not start their own."
            )
        case "disk_full" if limits:
            return (
                f"The model wrote more than {size(limits.file_bytes)} to its scratch folder, or folders that can't be measured: "
                "write less, or raise the limit."
            )
        case "unwatched":
            return (
                "What the model's process uses could not be measured any more, so it was stopped: models must not hide what their "
                "processes do."
            )
        case "protocol":
            return f"The model's process broke the protocol with its host ({detail}) and was stopped: model code must not use the channel."
        case _:
            return "The model's process was stopped because it is no longer needed."


def why_died(status: int, output: str, limits: Limits | None, *, kernel_out_of_memory: bool) -> tuple[str, str]:
    """Reason and sentence for a guest that ended by itself.

    Args:
        status: as `Popen.returncode`; 128 + n also means signal n, which is how bubblewrap passes it on.
        output: what it printed.
        limits: those that applied.
        kernel_out_of_memory: whether the kernel killed processes for memory meanwhile.
    """
    number = -status if status < 0 else status - 128 if 128 < status < 160 else 0
    ending = output[-4000:]
    if number == signal.SIGXCPU:
        return "cpu_limit", why_stopped("cpu_limit", limits, None)
    if number == signal.SIGXFSZ:
        return "disk_full", why_stopped("disk_full", limits, None)
    if number == signal.SIGKILL and kernel_out_of_memory:
        return (
            "out_of_memory",
            "The machine, or the model's container, ran out of memory and the kernel stopped the model: use smaller layers or batches.",
        )
    if number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS) and _speaks_of_memory(ending):
        return "out_of_memory", out_of_memory(limits)
    if number == signal.SIGKILL:
        return "killed", (
            "The model's process was killed (SIGKILL), and not by its host: by its own code, by an operator, or by a container's or the "
            "machine's memory limit."
        )
    if number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        return (
            "killed",
            f"The model's process was stopped from outside by {signal.Signals(number).name}; start it again.",
        )
    if number:
        name = _signal_name(number)
        return "crashed", (
            f"The model's process crashed ({name}), in native code or by its own hand: its last output says more; try smaller inputs "
            "or other layers."
        )
    return "exited", (
        f"The model's code ended its process with exit status {status} before it was done: remove calls of exit() or os._exit()."
    )


def stopped(
    cause: str, limits: Limits | None, timeout: float | None, detail: str, *, ready: bool, output: str
) -> GuestError:
    """The error of a guest that the host itself stopped because of `cause`."""
    if cause == "absent":
        return GuestError("start", "The model's container did not start in time: what its pod says tells why.")
    if cause == "timeout" and not ready:
        message = "The model's process was not ready"
        message += f" within {timeout:g} seconds" if timeout is not None else " in time"
        return GuestError("timeout", f"{message}: the machine is too busy, or the time too short.", output=output)
    return GuestError(cause, why_stopped(cause, limits, timeout, detail), output=output)


def death(
    status: int, output: str, limits: Limits | None, *, ready: bool, lost: bool, kernel_out_of_memory: bool
) -> GuestError:
    """The error of a guest that ended by itself, or with its container (`lost`)."""
    if lost:
        return GuestError("killed", CONTAINER_ENDED, output=output)
    if not ready:
        ending = (output.strip().splitlines() or [f"it ended with {status} and printed nothing"])[-1]
        return GuestError("start", f"The model's process could not start: {ending}", output=output)
    reason, message = why_died(status, output, limits, kernel_out_of_memory=kernel_out_of_memory)
    return GuestError(reason, message, output=output)


def reported(message: Mapping[str, Any], limits: Limits | None, output: str) -> GuestError | None:
    """The error that the guest reported, in the types that it should have; None if it has others."""
    match message:
        case {"reason": "raised" | "exited" | "out_of_memory" as reason, "message": str(text)}:
            pass
        case _:
            return None
    shown, line = message.get("traceback"), message.get("line")
    return GuestError(
        reason,
        out_of_memory(limits) if reason == "out_of_memory" else text,
        traceback=shown if isinstance(shown, str) else None,
        line=line if isinstance(line, int) else None,
        output=output,
    )


def _speaks_of_memory(text: str) -> bool:
    return any(
        sign in text
        for sign in ("bad_alloc", "MemoryError", "OOM when allocating", "out of memory", "Cannot allocate memory")
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
