"""What every command knows: where the installation is, and where this machine keeps its own."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from kafka_ml_cli.client import Client

DEFAULT_PORT = 8000
DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"


def home() -> Path:
    """The folder of the local installation: `KAFKA_ML_HOME`, else in the user's data folder."""
    chosen = os.environ.get("KAFKA_ML_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data, "kafka-ml")


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation that commands talk to.

    Attributes:
        url: of the REST API.
        kafka: bootstrap servers that producers on this machine use.
    """

    url: str
    kafka: str


def installation(url: str | None = None) -> Installation:
    """The installation named by `url`, by `KAFKA_ML_URL`, or else the one on this machine."""
    local = local_installation()
    chosen = url or os.environ.get("KAFKA_ML_URL") or (local.url if local else DEFAULT_URL)
    # The address of the API itself is what many would copy.
    chosen = chosen.rstrip("/").removesuffix("/api/v1")
    kafka = os.environ.get("KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS")
    if kafka is None:
        kafka = local.kafka if local and local.url == chosen else "localhost:9092"
    return Installation(chosen, kafka)


def named_elsewhere() -> bool:
    """Whether `KAFKA_ML_URL` names an installation, so that this machine's is not meant."""
    return bool(os.environ.get("KAFKA_ML_URL"))


def local_installation() -> Installation | None:
    """The installation on this machine, if it was started here."""
    try:
        state = json.loads((home() / "installation.json").read_text())
    except (OSError, ValueError):
        return None
    return Installation(state["url"], state["kafka"])


def client(url: str | None = None) -> Client:
    """A client of the installation that the command is about."""
    return Client(installation(url).url)
