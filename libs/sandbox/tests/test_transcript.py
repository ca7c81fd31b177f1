"""What a guest prints is in a file while it runs, in bounds."""

import threading
from pathlib import Path

from kafka_ml_sandbox.transcript import Transcript

from .conftest import StartGuest


def test_a_full_transcript_becomes_the_previous_one(tmp_path: Path):
    transcript = Transcript(tmp_path / "model.log", limit=10)
    for piece in (b"first\n", b"second\n", b"third\n"):
        transcript(piece)
    assert (tmp_path / "model.log.previous").read_bytes() == b"first\nsecond\n"
    assert (tmp_path / "model.log").read_bytes() == b"third\n"


def test_a_transcript_follows_a_working_folder_that_is_renamed(tmp_path: Path, monkeypatch):
    (tmp_path / "spare").mkdir()
    monkeypatch.chdir(tmp_path / "spare")
    transcript = Transcript(Path("model.log"))
    transcript(b"before\n")
    (tmp_path / "spare").rename(tmp_path / "run")
    transcript(b"after\n")
    assert (tmp_path / "run" / "model.log").read_bytes() == b"before\nafter\n"


def test_a_transcript_without_a_folder_is_lost_in_silence(tmp_path: Path):
    Transcript(tmp_path / "gone" / "model.log")(b"text")
    assert list(tmp_path.iterdir()) == []


def test_what_a_guest_prints_is_told_while_it_works(start_guest: StartGuest):
    heard, printed = bytearray(), threading.Event()

    def listen(data: bytes) -> None:
        heard.extend(data)
        if b"hello from the model" in heard:
            printed.set()

    guest = start_guest(on_output=listen)
    code = "print('hello from the model')\nwhile channel.poll() is None: time.sleep(0.01)"
    asked = threading.Thread(target=guest.request, args=("run", {"code": f"import time\n{code}"}))
    asked.start()
    assert printed.wait(20)
    guest.tell("stop", {})
    asked.join(20)
    assert not asked.is_alive()
