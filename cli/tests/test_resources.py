"""The resource commands against a server that answers as the API does."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

COMMAND = (sys.executable, "-c", "from kafka_ml_cli.main import entry; entry()")
PRINTED = "Epoch 1\n\x1b[31mGröße\x1b[0m\n"


class Api(ThreadingHTTPServer):
    """Has a log at every path but those of id 9; notes what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, dict[str, list[str]]]] = []


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        address = urlsplit(self.path)
        assert isinstance(self.server, Api)
        self.server.asked.append((address.path, parse_qs(address.query)))
        if "/9/" in address.path:
            kind, status, body = "application/problem+json", 404, b'{"detail": "There is no log.", "advice": "Wait."}'
        else:
            kind, status, body = "text/plain; charset=utf-8", 200, PRINTED.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def run(api: Api, *arguments: str, stdout: int = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "KAFKA_ML_URL": f"http://127.0.0.1:{api.server_address[1]}",
        "PYTHONIOENCODING": "utf-8",
    }
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "path", "query"),
    [
        (("results", "log", "3"), "results/3", {"part": ["host"], "lines": ["1000"], "replica": ["0"]}),
        (("models", "log", "3", "-n", "5"), "models/3", {"part": ["host"], "lines": ["5"], "replica": ["0"]}),
        (
            ("inferences", "log", "3", "--replica", "2", "--part", "model"),
            "inferences/3",
            {"part": ["model"], "lines": ["1000"], "replica": ["2"]},
        ),
    ],
)
def test_logs_are_printed_as_they_are(api: Api, arguments: tuple[str, ...], path: str, query: dict[str, list[str]]):
    done = run(api, *arguments)
    assert (done.returncode, done.stdout) == (0, PRINTED)
    assert api.asked == [(f"/api/v1/{path}/log", query)]


def test_what_a_model_printed_does_not_steer_the_terminal(api: Api):
    ours, theirs = pty.openpty()
    try:
        assert run(api, "results", "log", "3", stdout=theirs).returncode == 0
        shown = os.read(ours, 1000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert shown.splitlines() == ["Epoch 1", "[31mGröße[0m"]


def test_a_log_that_is_not_there_is_one_sentence(api: Api):
    done = run(api, "results", "log", "9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no log. Wait." in done.stderr
    assert run(api, "results", "log", "3", "--part", "guest").returncode == 2
