"""What passes by itself is tried for ever; what lasts ends the inference; what another process may do better ends this one."""

import pytest

from kafka_ml_common.errors import UnavailableError
from kafka_ml_inferer.delivery import DeliveryError
from kafka_ml_inferer.patience import InferenceFailedError, Patience, ReplicaEndedError
from kafka_ml_sandbox.deaths import GuestError

BROKER_AWAY = UnavailableError("Kafka does not answer.")
CRASH = GuestError("crashed", "The model's process crashed.")
KILLED = GuestError("killed", "The model's process was killed.")
TIMEOUT = GuestError("timeout", "The model did not finish.")
FENCED = DeliveryError("fenced", fenced=True)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def patience(clock):
    return Patience(clock)


def test_a_broker_that_is_away_and_one_crash_do_not_end_the_inference(patience):
    for _ in range(20):
        patience.pause_after(BROKER_AWAY)
    assert patience.pause_after(CRASH) == 10


def test_pauses_grow_and_are_short_again_after_a_quiet_time(patience, clock):
    assert [patience.pause_after(BROKER_AWAY) for _ in range(4)] == [0.2, 0.4, 0.8, 1.6]
    clock.now = 200
    assert patience.pause_after(BROKER_AWAY) == 0.2


def test_four_crashes_end_the_inference_with_their_reason(patience):
    for _ in range(3):
        patience.pause_after(CRASH)
    with pytest.raises(InferenceFailedError) as failed:
        patience.pause_after(CRASH)
    assert failed.value.failure.code == "crashed"


def test_a_model_that_hangs_on_a_batch_again_and_again_ends_the_inference(patience, clock):
    for _ in range(3):
        patience.pause_after(TIMEOUT)
        clock.now += 140
    with pytest.raises(InferenceFailedError):
        patience.pause_after(TIMEOUT)


def test_four_crashes_within_a_day_do_not(patience, clock):
    for _ in range(4):
        patience.pause_after(CRASH)
        clock.now += 6 * 3600


def test_a_guest_that_others_kill_ends_the_replica_only(patience):
    for _ in range(3):
        patience.pause_after(KILLED)
    with pytest.raises(ReplicaEndedError):
        patience.pause_after(KILLED)


def test_what_kafka_refuses_for_good_ends_the_inference(patience):
    for _ in range(3):
        patience.pause_after(DeliveryError("not allowed", hopeless=True))
    with pytest.raises(InferenceFailedError, match="not allowed"):
        patience.pause_after(DeliveryError("not allowed", hopeless=True))


def test_a_replica_that_is_fenced_twice_gives_way(patience):
    patience.pause_after(FENCED)
    with pytest.raises(ReplicaEndedError, match="taken its place"):
        patience.pause_after(FENCED)
