"""TCP ports of the loopback interface that stay the same from one start to the next."""

import json
import random
import socket
from pathlib import Path

from kafka_ml_common.errors import UnavailableError
from kafka_ml_local.processes import write_atomically

LOOPBACK = "127.0.0.1"
FIRST, LAST = 20_000, 32_000
"""Below the range that Linux, macOS and Windows take outgoing connections' ports from: those would get in the way of a restart."""


def kept_ports(file: Path, count: int) -> list[int]:
    """The ports that `file` remembers, as far as they are free; others in their place, which it remembers then."""
    try:
        remembered = [int(port) for port in json.loads(file.read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        remembered = []
    ports = [port for port in remembered[:count] if is_free(port)]
    while len(ports) < count:
        ports.append(free_port(excluding=ports))
    if ports != remembered:
        write_atomically(file, json.dumps(ports))
    return ports


def free_port(excluding: list[int] | None = None) -> int:
    """A port that nobody listens on just now."""
    for _ in range(1000):
        port = random.randint(FIRST, LAST)  # noqa: S311 - nothing secret
        if port not in (excluding or []) and is_free(port):
            return port
    raise UnavailableError(f"No free TCP port was found between {FIRST} and {LAST}.")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: connections in TIME_WAIT don't count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_open(port: int) -> bool:
    """Whether somebody listens on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
