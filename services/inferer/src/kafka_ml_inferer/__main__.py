"""`python -m kafka_ml_inferer`: one replica of an inference."""

import sys

from kafka_ml_inferer.main import main

sys.exit(main())
