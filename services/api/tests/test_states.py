"""The state machines: pure functions, no mocks."""

from itertools import product

import pytest

from kafka_ml_api.states import (
    DEPLOYMENT,
    INFERENCE,
    RESULT,
    VERSION,
    DeploymentState,
    InferenceState,
    ResultState,
    StateMachine,
    VersionState,
    deployment_state,
)

MACHINES = [VERSION, RESULT, DEPLOYMENT, INFERENCE]


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_has_its_row_and_final_states_never_move(machine: StateMachine) -> None:
    states = list(type(next(iter(machine.moves))))
    assert set(machine.moves) == set(states)
    for current, wanted in product(states, states):
        if machine.is_final(current):
            assert machine.advance(current, wanted) is current


@pytest.mark.parametrize("machine", [VERSION, RESULT, DEPLOYMENT])
def test_nothing_that_ends_by_itself_can_come_back_to_a_state_it_has_left(machine: StateMachine) -> None:
    def reachable(state) -> set:
        found: set = set()
        waiting = set(machine.moves[state])
        while waiting:
            found |= waiting
            waiting = {after for one in waiting for after in machine.moves[one]} - found
        return found

    for state in machine.moves:
        assert state not in reachable(state)


def test_a_result_goes_its_way_and_repeats_change_nothing() -> None:
    state = ResultState.AWAITING
    for wanted in (ResultState.PENDING, ResultState.RUNNING, ResultState.RUNNING, ResultState.PENDING):
        state = RESULT.advance(state, wanted)
    assert state is ResultState.RUNNING
    assert RESULT.advance(state, ResultState.FINISHED) is ResultState.FINISHED


def test_a_training_that_finishes_while_it_is_asked_to_stop_is_finished() -> None:
    assert RESULT.advance(ResultState.STOPPING, ResultState.FINISHED) is ResultState.FINISHED
    assert RESULT.advance(ResultState.STOPPING, ResultState.RUNNING) is ResultState.STOPPING


def test_an_inference_loses_and_regains_its_replicas_until_it_is_stopped() -> None:
    state = InferenceState.PENDING
    for wanted in (InferenceState.RUNNING, InferenceState.PENDING, InferenceState.RUNNING):
        state = INFERENCE.advance(state, wanted)
        assert state is wanted
    state = INFERENCE.advance(state, InferenceState.STOPPING)
    assert INFERENCE.advance(state, InferenceState.RUNNING) is InferenceState.STOPPING
    assert INFERENCE.advance(state, InferenceState.STOPPED) is InferenceState.STOPPED


def test_a_version_is_judged_once() -> None:
    assert VERSION.advance(VersionState.VALIDATING, VersionState.INVALID) is VersionState.INVALID
    assert VERSION.advance(VersionState.INVALID, VersionState.VALID) is VersionState.INVALID


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (["awaiting", "awaiting"], "awaiting"),
        (["pending", "awaiting"], "running"),
        (["running", "finished"], "running"),
        (["stopping", "failed"], "running"),
        (["finished", "failed", "stopped"], "finished"),
        (["failed", "stopped"], "failed"),
        (["stopped", "stopped"], "stopped"),
        ([], "awaiting"),
    ],
)
def test_a_deployment_follows_its_results(results: list[str], expected: str) -> None:
    assert deployment_state(DeploymentState.AWAITING, map(ResultState, results)) == expected


def test_an_ended_deployment_stays_ended_when_a_result_is_deleted() -> None:
    assert deployment_state(DeploymentState.FINISHED, [ResultState.FAILED]) is DeploymentState.FINISHED
