"""The `kafka-ml` command as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from tests.e2e.user import DEADLINE, DIGITS_MODEL, User

COMMAND = (str(Path(sys.executable).with_name("kafka-ml")),)


def run(user: User, *arguments: str, code: int = 0) -> str:
    environment = os.environ | {"KAFKA_ML_URL": user.platform.url}
    done = subprocess.run(
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_models_and_configurations_by_command(user: User, tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text(DIGITS_MODEL)
    name = user.unique("by-command")
    model = json.loads(run(user, "models", "create", name, str(file), "--json"))
    assert model["state"] == "valid"
    assert name in run(user, "models", "list")
    configuration = json.loads(run(user, "configurations", "create", name, str(model["id"]), "--json"))
    deployment = json.loads(run(user, "deployments", "create", str(configuration["id"]), "--fit", "epochs=2", "--json"))
    refused = run(user, "models", "delete", str(model["id"]), code=1)
    assert f"configurations/{configuration['id']}" in refused.replace("\n", " ") or name in refused
    run(user, "deployments", "stop", str(deployment["id"]))
    assert "stopped" in run(user, "deployments", "wait", str(deployment["id"]))


def test_what_a_model_prints_is_shown_by_command(user: User, tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text(f"print('hello from the model')\n{DIGITS_MODEL}")
    model = json.loads(run(user, "models", "create", user.unique("talks"), str(file), "--json"))
    assert "hello from the model" in run(user, "models", "log", str(model["id"]), "--part", "model").splitlines()
    said = run(user, "models", "log", str(model["id"]))
    assert "model is valid" in said
    assert "hello from the model" not in said
    assert "There is no" in run(user, "results", "log", "999999", code=1)
    tokens = {
        part.name: psutil.Process(part.pid).environ().get("KAFKA_ML_SCHEDULER_TOKEN")
        for part in user.platform.status()
        if part.pid is not None
    }
    assert tokens["control"] is None
    assert tokens["api"] == tokens["scheduler"] == (user.platform.folder / "scheduler.token").read_text()


def test_mistakes_are_told_in_a_sentence(user: User) -> None:
    assert "404" not in run(user, "models", "show", "999999", code=1)
    elsewhere = os.environ | {"KAFKA_ML_URL": "http://127.0.0.1:9"}
    done = subprocess.run(
        [*COMMAND, "models", "list"], env=elsewhere, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 1
    assert "Nothing answers" in done.stderr


def test_doctor_explains_this_machine(tmp_path: Path) -> None:
    environment = os.environ | {"KAFKA_ML_HOME": str(tmp_path)}
    done = subprocess.run(
        [*COMMAND, "doctor", "--json"], env=environment, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert findings["Python"]["ok"]
    assert findings["Java"]["ok"]
    assert "not started" in findings["Platform"]["found"]


@pytest.mark.parametrize(
    "moment",
    [
        "Kafka",
        pytest.param("platform is up", marks=pytest.mark.thorough),
        pytest.param("streamed", marks=pytest.mark.thorough),
    ],
)
def test_ctrl_c_leaves_no_process_behind(moment: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = os.environ | {"KAFKA_ML_HOME": str(home), "FORCE_COLOR": "1", "COLUMNS": "120"}
    with subprocess.Popen(
        [*COMMAND, "demo"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as demo:
        timer = threading.Timer(200, demo.kill)
        timer.start()
        seen = b""
        assert demo.stdout is not None
        while moment.encode() not in seen:
            piece = os.read(demo.stdout.fileno(), 4096)
            assert piece, seen.decode(errors="replace")
            seen += piece
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        demo.wait(DEADLINE)
        timer.cancel()
    assert demo.returncode != 0
    assert not _processes_of(home), (_processes_of(home), rest[-2000:])


def _processes_of(folder: Path) -> Sequence[Mapping[str, object]]:
    found = []
    for process in psutil.process_iter():
        try:
            told = [process.cwd(), *process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(folder) in text for text in told):
                found.append(process.as_dict(["pid", "cmdline"]))
        except psutil.Error:
            continue
    return found
