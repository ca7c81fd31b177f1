"""Guest: the runner in the child process. `python -m kafka_ml_sandbox.guest <module>`.

It connects to the host's socket, imports what was asked for, says "ready", and then answers requests one by one with the
module's handlers:

    HANDLERS: dict[str, Callable[[Channel, dict[str, Any]], Mapping[str, object] | None]]

A request that brings limits has them applied first, before its handler can load anybody's code. Only the standard library and
numpy are imported here.
"""

import argparse
import ctypes
import importlib
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kafka_ml_sandbox.channel import Channel
from kafka_ml_sandbox.connection import ClosedError, Connection, connect
from kafka_ml_sandbox.limits import Limits, apply
from kafka_ml_sandbox.usercode import describe

Handler = Callable[[Channel, dict[str, Any]], Mapping[str, object] | None]


def main() -> None:
    arguments = argparse.ArgumentParser(prog="kafka_ml_sandbox.guest", description="Run a guest module for its host.")
    arguments.add_argument("module", help="a module with HANDLERS")
    arguments.add_argument("--folder", type=Path, required=True, help="the folder shared with the host")
    arguments.add_argument(
        "--preload", action="append", default=[], help="a module to import before the host is told 'ready'"
    )
    arguments.add_argument("--own-namespace", action="store_true", help="the guest has a user namespace of its own")
    arguments.add_argument("--child", action="store_true", help="the host is the parent process")
    arguments.add_argument("--socket", default="socket", help="the name of the host's socket in the folder's `run`")
    options = arguments.parse_args()

    connection = Connection(connect(options.folder / "run" / options.socket, timeout=0), descriptors=True)
    _leave_with_the_host(connection, child=options.child)
    channel = Channel(connection, options.folder)
    try:
        for name in options.preload:
            importlib.import_module(name)
        handlers: Mapping[str, Handler] = importlib.import_module(options.module).HANDLERS
    except Exception as error:
        traceback.print_exc()
        _fail(connection, 0, error)
        raise SystemExit(1) from error
    connection.send({"kind": "ready"})
    try:
        serve(channel, connection, handlers, own_namespace=options.own_namespace)
    except ClosedError:
        return


def serve(channel: Channel, connection: Connection, handlers: Mapping[str, Handler], *, own_namespace: bool) -> None:
    """Answer requests until the host goes. Raises ClosedError then."""
    while True:
        request = channel.receive()
        try:
            if request.get("limits") is not None:
                apply(Limits.from_message(request["limits"]), own_namespace=own_namespace)
            reply = handlers[request["name"]](channel, request["payload"])
            message = {"kind": "reply", "id": request["id"], "payload": {} if reply is None else reply}
            connection.send(message)
        except ClosedError:
            raise
        except BaseException as error:  # the task's outermost frame: SystemExit of the user's code is reported as well
            _fail(connection, request["id"], error)


def _fail(connection: Connection, number: int, error: BaseException) -> None:
    failure = describe(error)
    if failure.traceback is None:
        traceback.print_exception(error)  # a fault of the handler itself: for the operator, in the output
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(
        {
            "kind": "error",
            "id": number,
            "reason": failure.reason,
            "message": failure.message,
            "line": failure.line,
            "traceback": failure.traceback,
        }
    )


def _leave_with_the_host(connection: Connection, *, child: bool) -> None:
    """End this process when the host closes or dies, whatever the handlers are doing. `child`: the host is the parent."""
    if child and sys.platform == "linux":
        # The thread below can't run while native code holds the interpreter; the kernel's signal can. (PR_SET_PDEATHSIG)
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    hang_up = select.poll()
    hang_up.register(connection.fileno(), getattr(select, "POLLRDHUP", select.POLLHUP))

    def wait() -> None:
        hang_up.poll()
        os._exit(0)

    threading.Thread(target=wait, name="leave-with-the-host", daemon=True).start()


if __name__ == "__main__":
    main()
