"""The guide's reference of states and codes has what the sources know, and nothing else."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from kafka_ml_api.states import DeploymentState, InferenceState, ResultState, VersionState
from tests.docs import codes

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "states.md"
_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def documented(heading: str) -> list[str]:
    """The first cells of the tables below a heading of the second level."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None, heading
    return _ROW.findall(found[1])


@pytest.mark.parametrize(
    ("heading", "states"),
    [
        ("Models", VersionState),
        ("Deployments", DeploymentState),
        ("Results", ResultState),
        ("Inferences", InferenceState),
    ],
)
def test_states(heading: str, states: type[StrEnum]) -> None:
    assert documented(heading) == [state.value for state in states]


def test_failures() -> None:
    known, told = codes.failure_codes(), documented("Failures")
    assert known - set(told) == set()
    assert set(told) - known - codes.passed_on_codes() == set()
    assert len(told) == len(set(told))


def test_dead_letters() -> None:
    told = set(documented("Dead letters"))
    assert codes.dead_letter_reasons() - told == set()
    assert told - codes.dead_letter_reasons() - codes.passed_on_codes() == set()


def test_diagnoses() -> None:
    assert set(documented("Why it runs, or doesn't")) == codes.diagnosis_codes()


def test_problems() -> None:
    assert set(documented("Problems of the API")) == codes.problem_types()
