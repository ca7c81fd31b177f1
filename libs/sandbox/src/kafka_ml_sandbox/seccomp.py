"""Seccomp: the system calls that a guest is refused, as a filter that bubblewrap loads (see seccomp(2), bpf in linux/filter.h).

Namespaces, no privileges and limits do the main work. This closes memory that no limit counts (memfd, System V and POSIX queues)
and parts of the kernel that no model needs and that had many holes (bpf, io_uring, key rings, userfaultfd, perf events).
"""

import errno
import os
import platform
import struct

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.ENOSYS
_NUMBER, _ARCHITECTURE = 0, 4
_X32 = 0x40000000
"""From here on, numbers are those of the x32 interface: the same calls by other numbers."""

_REFUSED = {
    # memfd_create, memfd_secret, shmget, msgget, mq_open, add_key, request_key, keyctl, bpf, perf_event_open, userfaultfd,
    # io_uring_setup
    "x86_64": (0xC000003E, (319, 447, 29, 68, 240, 248, 249, 250, 321, 298, 323, 425)),
    "aarch64": (0xC00000B7, (279, 447, 194, 186, 180, 217, 218, 219, 280, 241, 282, 425)),
}


def program(machine: str) -> bytes | None:
    """The filter for `machine` (as `platform.machine()` names it), or None where the numbers aren't known here."""
    if machine not in _REFUSED:
        return None
    architecture, refused = _REFUSED[machine]
    tests = [(_EQUAL, number) for number in refused]
    if machine == "x86_64":
        tests.insert(0, (_AT_LEAST, _X32))
    refuse = len(tests) + 1  # the last instruction, counted from the first test
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, refuse + 1, architecture),  # programs of another architecture: refuse everything
        (_LOAD, 0, 0, _NUMBER),
        *((kind, refuse - index - 1, 0, value) for index, (kind, value) in enumerate(tests)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


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
