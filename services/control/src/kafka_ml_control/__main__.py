"""Run the service: `python -m kafka_ml_control`."""

import logging

from faust import Worker

from kafka_ml_common import telemetry
from kafka_ml_control import health
from kafka_ml_control.agents import join
from kafka_ml_control.app import announcements, app


def main() -> None:
    """Run the Faust worker until a signal ends it."""
    telemetry.configure("control")
    logging.getLogger("faust").setLevel(logging.WARNING)
    app.conf.datadir.mkdir(parents=True, exist_ok=True)
    app.agent(announcements)(join)
    health.install(app)
    # Our root handler formats Faust's logs too; its own set-up would take it away.
    Worker(app, override_logging=False, redirect_stdouts=False, quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
