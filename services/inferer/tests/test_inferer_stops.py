"""A replica that is asked to stop while it waits for Kafka ends, and does not say that it is ready."""

import signal

from kafka_ml_common.errors import UnavailableError
from kafka_ml_common.settings import KafkaSettings
from kafka_ml_common.workloads import InferenceSettings, InferenceSpec, ModelCode
from kafka_ml_inferer import main


class Reporter:
    said: tuple[str, ...] = ()

    def ready(self):
        self.said += ("ready",)

    def close(self, lag):
        self.said += ("closed",)


def test_sigterm_while_kafka_is_away(monkeypatch):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop = main.Stop()

        def away(_source, _topic):
            signal.raise_signal(signal.SIGTERM)
            raise UnavailableError("Kafka does not answer.")

        monkeypatch.setattr(main.Source, "partitions_of", away)
        spec = InferenceSpec(
            inference_id=1,
            result_id=1,
            model=ModelCode(model_id=1, version=1, name="m", code=""),
            model_object="m",
            input_format="RAW",
            input_config={},
            input_topic="in",
            output_topic="out",
            settings=InferenceSettings(),
        )
        reporter = Reporter()
        main.predict(KafkaSettings(bootstrap_servers="127.0.0.1:1"), spec, 0, None, reporter, stop)
        assert reporter.said == ("closed",)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
