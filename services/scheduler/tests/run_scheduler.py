"""The real scheduler with fake hosts: `python run_scheduler.py JOURNAL STOP_SECONDS [COMMAND...]`, settings by variables."""

import asyncio
import sys
from pathlib import Path

from kafka_ml_common import telemetry
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_scheduler.main import SchedulerSettings, serve
from kafka_ml_scheduler.runtimes.process import ProcessRuntime

journal, stop_seconds, *command = sys.argv[1:]
command = command or [sys.executable, "-S", str(Path(__file__).with_name("fake_host.py")), journal]
telemetry.configure("scheduler")
settings = SchedulerSettings()
runtime = ProcessRuntime(
    settings.state_folder,
    work_folders=settings.work_folders(),
    commands={"trainer": command, "inferer": command},
    warm={"trainer": settings.warm_trainers, "inferer": settings.warm_inferers},
    stop_seconds=float(stop_seconds),
    refill_after=0.3,
)
asyncio.run(serve(settings, KafkaSettings(), runtime))
