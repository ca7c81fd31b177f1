"""Prints the OpenAPI document: `python -m kafka_ml_api.openapi`. The web UI's types are made of it."""

import json
import sys

from kafka_ml_api.main import create_app


def document() -> str:
    """The OpenAPI document as JSON, the same for the same code."""
    return json.dumps(create_app().openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
