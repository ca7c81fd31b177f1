"""The command where the embedded stack is not installed, as in its image."""

import subprocess
import sys

import pytest

WITHOUT_STACK = "import sys; sys.modules['kafka_ml_local'] = None; from kafka_ml_cli.main import entry; entry()"


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_STACK, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "300", **environment},
    )


@pytest.mark.parametrize("command", ["up", "down", "status", "logs", "demo", "doctor"])
def test_what_needs_the_stack_says_how_to_get_it(command: str) -> None:
    done = run(command)
    assert done.returncode == 1
    assert "kafka-ml-cli[local]" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("models", "list"), ("demo", "--url", "http://127.0.0.1:9")])
def test_what_asks_an_installation_elsewhere_does_without(arguments: tuple[str, ...]) -> None:
    done = run(*arguments, KAFKA_ML_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "Nothing answers at http://127.0.0.1:9" in done.stderr
