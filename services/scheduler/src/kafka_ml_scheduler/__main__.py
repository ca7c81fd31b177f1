"""`python -m kafka_ml_scheduler`."""

import sys

from kafka_ml_scheduler.main import main

sys.exit(main())
