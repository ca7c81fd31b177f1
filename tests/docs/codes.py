"""The codes that the sources know, read from the sources themselves: one that is added is missed in the guide at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKERS = ("services", "libs/common/src", "libs/sandbox/src")
API = ("services/api/src", "libs/common/src")

_TAKES_CODE_AT = {"Failure": 0, "GuestError": 0, "TrainingError": 0, "NoModelError": 1, "ModelError": 2}
"""Position of the argument with the code, where it isn't given by its name, `code`."""

_GIVES_PAIRS = {"why_died", "_sentence", "_signal_sentence", "_SIGNALS"}
"""Functions and tables that give a code and its sentence as a pair."""


def failure_codes() -> set[str]:
    """What the code of a failure may be."""
    found = {"model_error"}
    for node in _nodes(*WORKERS):
        if isinstance(node, ast.Call) and _name(node.func) in _TAKES_CODE_AT:
            found |= _argument(node, _TAKES_CODE_AT[_name(node.func)], "code")
        elif isinstance(node, ast.FunctionDef) and node.name == "why_stopped":
            found |= {
                text for part in ast.walk(node) if isinstance(part, ast.MatchValue) for text in _texts(part.value)
            }
        elif isinstance(node, ast.FunctionDef) and node.name == "__init__" and _has_default(node, "no_model"):
            found |= {"no_model"}
        elif (isinstance(node, ast.FunctionDef) and node.name in _GIVES_PAIRS) or (
            isinstance(node, ast.Assign) and _name(node.targets[0]) in _GIVES_PAIRS
        ):
            found |= _firsts(node, 2)
    return found - {"raised"}  # which is told as model_error


def passed_on_codes() -> set[str]:
    """Codes of errors that reach a failure as they are (from an inference) or with underscores (from a training)."""
    codes = _class_codes("libs/common/src")
    return codes | {code.replace("-", "_") for code in codes}


def dead_letter_reasons() -> set[str]:
    """Reasons that an inference gives for a dead letter."""
    tree = ast.parse((ROOT / "services/inferer/src/kafka_ml_inferer/pipeline.py").read_text(encoding="utf-8"))
    triples = [node for node in ast.walk(tree) if isinstance(node, ast.Tuple) and len(node.elts) == 3]
    return {text for node in triples for text in _texts(node.elts[1])}


def diagnosis_codes() -> set[str]:
    """Codes that diagnoses have of their own."""
    found: set[str] = set()
    for node in _nodes("services/api/src/kafka_ml_api/diagnosis"):
        if isinstance(node, ast.Call) and _name(node.func) == "_said":
            found |= _argument(node, 1, "code")
        elif isinstance(node, ast.Call) and _name(node.func) == "_waiting":
            found |= _argument(node, 3, "code")
        elif isinstance(node, ast.Assign) and _name(node.targets[0]) == "code":
            found |= set(_texts(node.value))
    return found


def problem_types() -> set[str]:
    """Types of the API's problems."""
    by_the_framework = {"method-not-allowed", "internal"}
    return (_class_codes(*API) - {"error"}) | by_the_framework


def _nodes(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            if "tests" not in path.parts:
                yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _class_codes(*folders: str) -> set[str]:
    """What classes have as `code = "..."`."""
    classes = (node for node in _nodes(*folders) if isinstance(node, ast.ClassDef))
    assigned = (line for node in classes for line in node.body if isinstance(line, ast.Assign))
    return {text for line in assigned if _name(line.targets[0]) == "code" for text in _texts(line.value)}


def _argument(call: ast.Call, position: int, name: str) -> set[str]:
    given = [keyword.value for keyword in call.keywords if keyword.arg == name] or call.args[position : position + 1]
    return {text for value in given for text in _texts(value)}


def _firsts(node: ast.AST, size: int) -> set[str]:
    tuples = (part for part in ast.walk(node) if isinstance(part, ast.Tuple) and len(part.elts) == size)
    return {text for part in tuples for text in _texts(part.elts[0])}


def _has_default(node: ast.FunctionDef, text: str) -> bool:
    return any(text in _texts(value) for value in node.args.defaults)


def _texts(value: ast.expr) -> list[str]:
    """The text that an expression is, or both that it may be."""
    if isinstance(value, ast.IfExp):
        return [*_texts(value.body), *_texts(value.orelse)]
    return [value.value] if isinstance(value, ast.Constant) and isinstance(value.value, str) else []


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
