"""Run a program as `nobody`, for root: PostgreSQL refuses to run as root.

Run by path with Python, on Linux: `python -I unprivileged.py program argument...`. One capability is kept, to read and write files
regardless of their modes: the data folder or the program may lie in a folder that only root may enter, such as root's home.
"""

import ctypes
import os
import pwd
import sys

PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 28, 47, 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def become_nobody() -> None:
    """Change user for good, keeping CAP_DAC_OVERRIDE over the next `exec` (capabilities(7), "ambient")."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *arguments: object) -> None:
        if getattr(libc, name)(*arguments) != 0:
            raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")

    nobody = pwd.getpwnam("nobody")
    # Without this bit access(2) leaves out the capabilities of all but root, and initdb asks it whether it may run its own programs.
    call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    wanted = 1 << CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(
        wanted, wanted, wanted, 0, 0, 0
    )  # effective, permitted, inheritable; low then high words
    call("capset", header, sets)
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    become_nobody()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the program comes from our own command line
