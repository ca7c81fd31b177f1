"""`python -m kafka_ml_trainer`."""

import sys

from kafka_ml_trainer.main import main

sys.exit(main())
