from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kafka_ml_sandbox import bubblewrap
from kafka_ml_sandbox.host import Guest

from .pod import Pod

GUESTS = Path(__file__).parent / "guests"

StartGuest = Callable[..., Guest]


@pytest.fixture
def start_guest(tmp_path: Path) -> Iterator[StartGuest]:
    """Starts guests that can run any code ("run"); they are closed after the test."""
    started: list[Guest] = []

    def start(**options: Any) -> Guest:
        folder = tmp_path / f"guest-{len(started)}"
        started.append(Guest.start("code_guest", folder, python_path=[GUESTS], **options))
        return started[-1]

    yield start
    for guest in started:
        guest.close()


@pytest.fixture
def guest(start_guest: StartGuest) -> Guest:
    return start_guest()


@pytest.fixture
def without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that has no bubblewrap."""
    monkeypatch.setattr(bubblewrap, "obstacle", lambda: "not on this machine")


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """A pod whose host is this test, with its guest container."""
    pod = Pod(tmp_path_factory.mktemp("pod"), [GUESTS])
    yield pod
    pod.close()


@pytest.fixture
def kept(pod: Pod) -> Iterator[Guest]:
    """A guest in the pod's container, another one for each test."""
    with Guest.attach("code_guest", pod.keeper) as guest:
        yield guest
