"""`python -m kafka_ml_api`: serve on `KAFKA_ML_API_HOST` and `KAFKA_ML_API_PORT`."""

import signal
import sys

import uvicorn

from kafka_ml_api.main import create_app
from kafka_ml_api.settings import ApiSettings
from kafka_ml_common import telemetry


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    telemetry.configure("api")
    settings = ApiSettings()
    # Uvicorn shuts down in order and then raises the signal again, for whoever handled it before. Being told to end is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Live streams end when the lifespan does; others get this long.
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
