"""What the platform gives its services; how it starts them is in tests/e2e."""

import stat
from pathlib import Path

import pytest

from kafka_ml_cli.platform import Platform


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path)


def test_the_schedulers_token_is_made_once_and_for_the_owner_alone(platform: Platform, tmp_path: Path):
    token = platform._scheduler_token()
    assert len(token) >= 40
    assert stat.S_IMODE((tmp_path / "scheduler.token").stat().st_mode) == 0o600
    assert Platform(tmp_path)._scheduler_token() == token
    (tmp_path / "scheduler.token").unlink()
    assert platform._scheduler_token() != token


def test_the_scheduler_keeps_its_port(platform: Platform, tmp_path: Path):
    assert platform._scheduler_port() == Platform(tmp_path)._scheduler_port()
