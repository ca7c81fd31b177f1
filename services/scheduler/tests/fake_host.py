"""A host for tests: it waits for an assignment as real hosts do, notes that it got it, and does what the model's `code` says.

`python fake_host.py JOURNAL`: each assignment makes a file `<workload>.<replica>.<attempt>.<pid>` there; a graceful stop, `stopped.<pid>`.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    journal = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: stop(journal))
    (journal / f"waiting.{os.getpid()}").touch()
    line = sys.stdin.readline()
    if not line:
        return
    assignment = json.loads(line)
    spec = assignment["spec"]
    name = workload_name(spec)
    (journal / f"{name}.{assignment['replica']}.{assignment['attempt']}.{os.getpid()}").touch()
    act(spec["model"]["code"], journal, name)


def workload_name(spec: dict) -> str:
    if spec["kind"] == "validation":
        return f"validation-{spec['model']['model_id']}-{spec['model']['version']}"
    return f"{spec['kind']}-{spec['inference_id' if spec['kind'] == 'inference' else 'result_id']}"


def act(code: str, journal: Path, name: str) -> None:
    word, _, argument = code.partition(" ")
    if word == "finish":
        return
    if word == "exit":
        sys.stdout.write("what went wrong is this\n")
        Path(os.environ["KAFKA_ML_MODEL_LOG"]).write_text("what the model printed\n")
        sys.exit(int(argument))
    if word == "signal":
        os.kill(os.getpid(), int(argument))
    if word == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (journal / f"{name}.deaf").touch()
    if word in {"wait", "stubborn"}:
        go = journal / f"{name}.go"
        while not go.exists():
            time.sleep(0.02)
        text = go.read_text()
        sys.exit(int(text or 0))


def stop(journal: Path) -> None:
    (journal / f"stopped.{os.getpid()}").touch()
    sys.exit(0)


main()
