"""The guide names every setting, with its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from kafka_ml_common.placement import Autoscaling, Placement
from kafka_ml_common.training import EvaluateArguments, FitArguments, TrainingSettings
from kafka_ml_common.workloads import InferenceSettings

GUIDE = Path(__file__).parents[2] / "docs" / "guide"


def rows(page: str) -> dict[str, str]:
    """Settings of a page's tables, and their defaults."""
    text = (GUIDE / page).read_text(encoding="utf-8")
    lines = re.findall(r"^\| (`[\w.]+`(?:, `[\w.]+`)*) \| ([^|]*)\|", text, re.M)
    return {name: default.strip().strip("`") for names, default in lines for name in re.findall(r"`([\w.]+)`", names)}


@pytest.mark.parametrize(
    ("page", "prefix", "settings"),
    [
        ("training.md", "", TrainingSettings),
        ("training.md", "fit.", FitArguments),
        ("training.md", "evaluate.", EvaluateArguments),
        ("inference.md", "", InferenceSettings),
    ],
)
def test_settings_and_defaults(page: str, prefix: str, settings: type[BaseModel]) -> None:
    told = rows(page)
    for name, field in settings.model_fields.items():
        if name in ("fit", "evaluate"):
            continue
        assert prefix + name in told
        if isinstance(field.default, bool | int | str):
            assert told[prefix + name] == str(field.default).replace("True", "true")


@pytest.mark.parametrize(("page", "settings"), [("training.md", Placement), ("inference.md", Autoscaling)])
def test_what_settings_hold(page: str, settings: type[BaseModel]) -> None:
    text = (GUIDE / page).read_text(encoding="utf-8")
    assert [name for name in settings.model_fields if f"`{name}`" not in text] == []


def test_the_keys_of_the_web_ui() -> None:
    told = re.findall(r"^\| `g` `(\w)` \| ([\w ]+) \|", (GUIDE / "ui.md").read_text(encoding="utf-8"), re.M)
    navigation = (GUIDE.parents[1] / "web/src/app/navigation.ts").read_text(encoding="utf-8")
    assert told == [(key, label) for label, key in re.findall(r'label: "([\w ]+)".*key: "(\w)"', navigation)]
