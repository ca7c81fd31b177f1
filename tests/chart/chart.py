"""The chart as its tests see it: rendered by the real Helm."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "helm" / "kafka-ml"
VALUES = Path(__file__).parent / "values"
SETS = sorted(path.stem for path in VALUES.glob("*.yaml"))

Manifest = dict[str, Any]


class RefusedError(Exception):
    """Helm's message, when it refuses values."""


def helm(*arguments: str | Path) -> str:
    """What Helm prints.

    Raises:
        RefusedError: Helm says no.
    """
    binary = os.environ.get("HELM") or shutil.which("helm")
    if binary is None:
        pytest.fail("helm is not installed; put it on PATH or name it in HELM", pytrace=False)
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RefusedError(done.stderr + done.stdout)
    return done.stdout


def render(values: str, *settings: str) -> list[Manifest]:
    """The manifests for a set of values, with `a.b=c` settings besides."""
    chosen = [argument for setting in settings for argument in ("--set", setting)]
    text = helm(
        "template",
        "ml",
        CHART,
        "--namespace",
        "here",
        "--kube-version",
        "1.29.0",
        "-f",
        VALUES / f"{values}.yaml",
        *chosen,
    )
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The manifest of that kind and name."""
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The spec of every pod and pod template, by the name of what has it."""
    found = {}
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            found[manifest["metadata"]["name"]] = manifest["spec"]
        elif manifest["kind"] in ("Deployment", "StatefulSet", "Job"):
            found[manifest["metadata"]["name"]] = manifest["spec"]["template"]["spec"]
    return found


def variables(pod: Manifest) -> dict[str, Any]:
    """The variables of a pod's only container: text, or the reference that gives it."""
    (container,) = pod["containers"]
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}
