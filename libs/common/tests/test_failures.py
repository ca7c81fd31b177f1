"""What is told of a model's end has bounds, and says whether the model is at fault."""

from dataclasses import dataclass

import pytest

from kafka_ml_common.failures import failure_of, passes, tail


@dataclass
class Ending:
    reason: str
    message: str = "It ended."
    traceback: str | None = None
    line: int | None = None
    output: str = ""


def test_long_words_of_a_model_are_cut():
    failure = failure_of(Ending("raised", "m" * 10**6, "t" * 10**6, 3, "o" * 10**6))
    assert (failure.code, failure.line) == ("model_error", 3)
    assert [len(text or "") for text in (failure.message, failure.traceback, failure.log)] == [2_000, 20_000, 4_000]


def test_the_end_of_the_output_begins_with_a_whole_line():
    assert tail("first\n" + "x" * 3_990 + "\nlast line\n") == "last line"
    assert tail(" \n") is None


@pytest.mark.parametrize(
    ("reason", "passing"), [("killed", True), ("start", True), ("raised", False), ("timeout", False)]
)
def test_only_what_comes_from_outside_passes(reason, passing):
    assert passes(Ending(reason)) is passing
