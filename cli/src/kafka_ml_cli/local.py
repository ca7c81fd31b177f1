"""Commands for the platform on this machine: start, end, look at it.

They need the embedded stack, the extra `local` of this package; clients of installations elsewhere do without.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from kafka_ml_cli.context import home, local_installation
from kafka_ml_cli.output import console, errors, print_json, print_list
from kafka_ml_common.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from kafka_ml_cli.platform import Platform

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def this_platform(port: int = 0) -> Platform:
    """The platform on this machine, whether or not it runs.

    Raises:
        UnavailableError: the embedded stack is not installed.
    """
    try:
        from kafka_ml_cli.platform import Platform
    except ModuleNotFoundError as error:
        if error.name != "kafka_ml_local":
            raise
        raise UnavailableError(
            "The embedded stack (Kafka, PostgreSQL, object store) is not installed here.",
            advice="Install `kafka-ml-cli[local]`, or name an installation elsewhere with KAFKA_ML_URL.",
        ) from error
    return Platform(home(), port)


def bring_up(port: int = 0) -> Platform:
    """Start what does not run, saying what is being done and how long it took."""
    platform = this_platform(port)
    started = time.monotonic()
    # Closed at once when Ctrl-C comes between two steps, so that what was started is stopped again.
    with console.status("Starting ...") as line, closing(platform.start()) as steps:
        for step in steps:
            line.update(f"{step} ...")
    console.print(f"[green]✓[/green] The platform is up [dim]{time.monotonic() - started:.1f} s[/dim]")
    return platform


def is_up() -> bool:
    """Whether any part of the platform runs on this machine."""
    return this_platform().running


def up(
    port: Annotated[int, typer.Option(help="Port of the REST API; by default the one before, or 8000.")] = 0,
) -> None:
    """Start the platform on this machine, in the background, and keep it. Data of earlier runs is there again."""
    platform = bring_up(port)
    console.print(
        f"Web UI   {platform.url}\nAPI      {platform.url}/api/v1\nSwagger  {platform.url}/docs\nKafka    {platform.stack.broker.bootstrap_servers}\n"
        f"Folder   {platform.folder}\nEnd it with [bold]kafka-ml down[/bold]."
    )


def down() -> None:
    """End the platform on this machine. Data and logs are kept."""
    platform = this_platform()
    ran = platform.running
    with console.status("Stopping ..."):
        platform.stop()
    console.print("Nothing ran." if not ran else f"Ended. Data and logs are kept in {platform.folder}.")


def show_status(as_json: Json = False) -> None:
    """Show how each part of the platform on this machine is: running, ready, address, memory, log."""
    parts = this_platform().status()
    items = [
        {
            "name": part.name,
            "state": "running" if part.ready else "not ready" if part.running else "stopped",
            "pid": part.pid,
            "memory_mb": round(part.memory / 2**20),
            "address": part.address or None,
            "log": str(part.log),
        }
        for part in parts
    ]
    print_list(items, ["name", "state", "pid", "memory_mb", "address"], as_json=as_json, empty="")
    if not as_json and (known := local_installation()) is not None:
        console.print(f"\nexport KAFKA_ML_URL={known.url}\nexport KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS={known.kafka}")
    if not all(part.ready for part in parts):
        raise typer.Exit(1)


def show_logs(
    part: Annotated[
        str | None, typer.Argument(help="A part such as api, or a workload such as training-3; none lists them.")
    ] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing what is added.")] = False,
) -> None:
    """Show the log of a part of the platform, or of a workload that it ran."""
    files = _log_files(this_platform())
    if part is None:
        print_list(
            [{"name": name, "log": str(file)} for name, file in files.items()],
            ["name", "log"],
            as_json=False,
            empty="No logs yet.",
        )
        return
    if part not in files:
        raise NotFoundError(f"There is no log of {part}.", advice="`kafka-ml logs` lists those that there are.")
    with files[part].open(errors="replace") as log:
        for line in _last(log.readlines(), lines):
            sys.stdout.write(line)
        while follow:
            added = log.readline()
            sys.stdout.write(added)
            sys.stdout.flush()
            if not added:
                time.sleep(0.2)


def _last(lines: list[str], count: int) -> list[str]:
    return lines[-count:] if count > 0 else []


def _log_files(platform: Platform) -> dict[str, Path]:
    """Logs by the name of what wrote them; those of replicas beyond the first as `inference-1/2`."""
    files = {part.name: part.log for part in platform.status() if part.log.exists()}
    runs = platform.state_folder("scheduler") / "runs"
    for log in sorted(runs.glob("*/*/log")):
        workload, replica = log.parent.parent.name, log.parent.name
        files[workload if replica == "0" else f"{workload}/{replica}"] = log
    return files


def report_failure(message: str, *, as_json: bool) -> None:
    """Say why a command failed: on standard error for people, as a document for machines."""
    if as_json:
        print_json({"ok": False, "error": message})
    else:
        errors.print(f"[red]✗[/red] {escape(message)}", highlight=False)
