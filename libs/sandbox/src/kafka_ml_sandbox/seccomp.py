"""Seccomp: the system calls that a guest is refused, as a filter for the kernel (see seccomp(2), and bpf in linux/filter.h).

Namespaces, no privileges and limits do the main work. This closes memory that no limit counts (memfd, System V and POSIX queues)
and parts of the kernel that no model needs and that had many holes (bpf, io_uring, key rings, userfaultfd, perf events).

In a container the guest shares its network with the host's container and its user with the keeper. There the filter also leaves it
no sockets but Unix ones, no new namespaces, and no way into another process.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
from dataclasses import dataclass

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x40000000
"""From here on, numbers are those of the x32 interface: the same calls by other numbers."""

_NEW_NAMESPACES = 0x7E020000
"""Every CLONE_NEW... that clone(2) takes."""

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2


@dataclass(frozen=True, slots=True)
class _Machine:
    """The numbers of one kind of processor."""

    architecture: int
    refused: tuple[int, ...]
    """memfd_create, memfd_secret, shmget, msgget, mq_open, add_key, request_key, keyctl, bpf, perf_event_open, userfaultfd,
    io_uring_setup"""
    forbidden: tuple[int, ...]
    """unshare, setns, ptrace, process_vm_readv, process_vm_writev"""
    clone: int
    prlimit: int
    sockets: tuple[int, int]
    """socket, socketpair"""


_MACHINES = {
    "x86_64": _Machine(
        architecture=0xC000003E,
        refused=(319, 447, 29, 68, 240, 248, 249, 250, 321, 298, 323, 425),
        forbidden=(272, 308, 101, 310, 311),
        clone=56,
        prlimit=302,
        sockets=(41, 53),
    ),
    "aarch64": _Machine(
        architecture=0xC00000B7,
        refused=(279, 447, 194, 186, 180, 217, 218, 219, 280, 241, 282, 425),
        forbidden=(97, 268, 117, 270, 271),
        clone=220,
        prlimit=261,
        sockets=(198, 199),
    ),
}
_CLONE3, _PIDFD_GETFD = 435, 438  # newer calls have the same number everywhere

_Line = tuple[int, str | int, str | int, int]
"""Operation, where to go on if it holds and if not (a label, or lines to skip), value."""


def program(machine: str, *, container: bool = False) -> bytes | None:
    """The filter for `machine` (as `platform.machine()` names it), or None where the numbers aren't known here."""
    if (numbers := _MACHINES.get(machine)) is None:
        return None
    lines: list[_Line] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, "refuse", numbers.architecture),  # programs of another architecture: refuse everything
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        lines.append((_AT_LEAST, "refuse", 0, _X32))
    lines += [(_EQUAL, "refuse", 0, number) for number in numbers.refused]
    if container:
        lines += _of_a_container(numbers)
    ends = {"allow": _ALLOW, "refuse": _ERRNO | errno.ENOSYS, "forbid": _ERRNO | errno.EPERM}
    places = {label: len(lines) + index for index, label in enumerate(ends)}

    def distance(target: str | int, line: int) -> int:
        return target if isinstance(target, int) else places[target] - line - 1

    jumps = [(kind, distance(yes, n), distance(no, n), value) for n, (kind, yes, no, value) in enumerate(lines)]
    returns = [(_RETURN, 0, 0, value) for value in ends.values()]
    return b"".join(struct.pack("=HBBI", *line) for line in [*jumps, *returns])


def _of_a_container(numbers: _Machine) -> list[_Line]:
    lines: list[_Line] = [(_EQUAL, "forbid", 0, number) for number in (*numbers.forbidden, _PIDFD_GETFD)]
    # Its flags lie in memory, where no filter can look; the C library then takes clone.
    lines.append((_EQUAL, "refuse", 0, _CLONE3))
    asked: list[tuple[int, _Line]] = [
        (numbers.clone, (_ANY_BIT, "forbid", "allow", _NEW_NAMESPACES)),
        # The limits of another process of the same user, such as the keeper, are anybody's to change; 0 is oneself.
        (numbers.prlimit, (_EQUAL, "allow", "forbid", 0)),
        *((number, (_EQUAL, "allow", "forbid", socket.AF_UNIX.value)) for number in numbers.sockets),
    ]
    for number, test in asked:
        lines += [(_EQUAL, 0, 2, number), (_LOAD, 0, 0, _FIRST_ARGUMENT), test]
    return lines


def open_program() -> int | None:
    """A descriptor to read this machine's filter from, to be closed by the caller; None where there is none."""
    content = program(platform.machine())
    if content is None:
        return None
    reader, writer = os.pipe()
    try:
        os.write(writer, content)  # shorter than a pipe holds
    finally:
        os.close(writer)
    return reader


def confine() -> None:
    """Put this thread, and all threads and processes that it starts, under the filter of a container, for good.

    Raises:
        OSError: the kernel does not take it, or it is not known for this machine.
    """
    content = program(platform.machine(), container=True)
    if content is None:
        raise OSError(errno.ENOSYS, f"no filter of system calls is known for {platform.machine()}")
    lines = ctypes.create_string_buffer(content, len(content))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))

    loaded = Program(len(content) // 8, ctypes.addressof(lines))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(loaded), 0, 0),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), f"the filter can't be loaded: {os.strerror(ctypes.get_errno())}")
