"""The whole platform on real parts, as `kafka-ml up` starts it, for tests of what crosses services."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from kafka_ml_cli.client import Client
from kafka_ml_cli.platform import Platform
from kafka_ml_local.ports import free_port
from tests.e2e.user import Bytes, User


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The running platform, with a broker, database and object store of its own."""
    with tempfile.TemporaryDirectory(prefix="kafka-ml-e2e-", ignore_cleanup_errors=True) as folder:
        platform = Platform(Path(folder), free_port())
        try:
            for _ in platform.start():
                pass
            yield platform
        finally:
            platform.stop()


@pytest.fixture
def user(platform: Platform) -> Iterator[User]:
    with Client(platform.url) as api:
        yield User(platform, api)


@pytest.fixture(autouse=True)
def _logs_on_failure(request: pytest.FixtureRequest, platform: Platform) -> Iterator[None]:
    """Print the last lines of every part when a test that used the platform fails."""
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        for service in platform.services:
            print(f"--- {service.name}\n{service.last_lines(25)}")  # noqa: T201 - pytest shows it with the failure


@pytest.fixture(scope="session")
def digits() -> Mapping[str, Bytes]:
    """Real digits: images (n, 8, 8) with values 0 to 16 and labels, `x` and `y` to train on, `unseen_x` and `unseen_y`."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x, y = data.images[order].astype(np.uint8), data.target[order].astype(np.uint8)
    return {"x": x[:-300], "y": y[:-300], "unseen_x": x[-300:], "unseen_y": y[-300:]}
