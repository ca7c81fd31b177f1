"""Placements are checked as Kubernetes does, and settings from before there were any still parse."""

from typing import Any

import pytest
from pydantic import ValidationError

from kafka_ml_common.placement import Autoscaling, Placement, Toleration
from kafka_ml_common.requests import COMMAND_TYPES, DeploymentCreate, InferenceCreate
from kafka_ml_common.training import TrainingSettings
from kafka_ml_common.workloads import InferenceSettings


@pytest.mark.parametrize(
    "toleration",
    [
        {"operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team", "value": "ml"},
        {"key": "team", "operator": "Equal", "value": ""},
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "seconds": 0},
    ],
)
def test_tolerations_that_kubernetes_takes(toleration: dict[str, Any]):
    assert Toleration.model_validate(toleration).model_dump(exclude_unset=True) == toleration


@pytest.mark.parametrize(
    ("toleration", "why"),
    [
        ({}, "without a key"),
        ({"value": "ml"}, "without a key"),
        ({"key": "team", "operator": "Exists", "value": "ml"}, "no value"),
        ({"key": "team", "seconds": 5}, "only for the effect NoExecute"),
        ({"key": "team", "operator": "Exists", "effect": "NoSchedule", "seconds": 5}, "only for the effect NoExecute"),
        ({"key": "team", "operator": "Lt"}, "Exists"),
        ({"key": "team", "effect": "Never"}, "NoSchedule"),
        ({"key": "team", "value": "with space"}, "match"),
        ({"key": "-team"}, "match"),
        ({"key": "team", "colour": "red"}, "Extra"),
    ],
)
def test_tolerations_that_kubernetes_refuses(toleration: dict[str, Any], why: str):
    with pytest.raises(ValidationError, match=why):
        Toleration.model_validate(toleration)


@pytest.mark.parametrize(
    "labels",
    [
        {"kubernetes.io/arch": "amd64"},
        {"disk": "", "Zone_1": "a.b-c_D"},
        {"x" * 63: "y" * 63},
        {"a" * 253 + "/" + "b" * 63: "v"},
    ],
)
def test_node_selectors_that_kubernetes_takes(labels: dict[str, str]):
    assert Placement.model_validate({"node_selector": labels}).node_selector == labels


@pytest.mark.parametrize(
    "labels",
    [
        {"": "v"},
        {"/name": "v"},
        {"a/b/c": "v"},
        {"Upper.case/name": "v"},
        {"x" * 64: "v"},
        {"a" * 254 + "/b": "v"},
        {"key": "y" * 64},
        {"key": "-v"},
        {"key": "v\n"},
        {"key": None},
        {f"key{number}": "v" for number in range(21)},
    ],
)
def test_node_selectors_that_kubernetes_refuses(labels: dict[str, Any]):
    with pytest.raises(ValidationError):
        Placement.model_validate({"node_selector": labels})


@pytest.mark.parametrize(
    "placement",
    [
        {"framework": "Tensor Flow"},
        {"framework": "../image"},
        {"cpus": 0},
        {"cpus": -1},
        {"cpus": float("nan")},
        {"cpus": "2"},
        {"gpus": -1},
        {"gpus": True},
        {"service_account": "Default"},
        {"service_account": ""},
        {"tolerations": [{"operator": "Exists"}] * 21},
        {"node": "a"},
    ],
)
def test_other_placements_that_are_refused(placement: dict[str, Any]):
    with pytest.raises(ValidationError):
        Placement.model_validate(placement)


def test_autoscaling_needs_its_bounds_in_order():
    assert Autoscaling(min_replicas=0, max_replicas=3).lag_per_replica == 1000
    with pytest.raises(ValidationError, match="min_replicas must not be more than max_replicas"):
        Autoscaling(min_replicas=4, max_replicas=3)
    with pytest.raises(ValidationError):
        Autoscaling(min_replicas=0, max_replicas=0)


def test_settings_from_before_there_were_placements_parse():
    training = TrainingSettings.model_validate_json('{"batch_size": 8, "memory_mb": 2048}')
    assert training.placement == Placement()
    inference = InferenceSettings.model_validate_json('{"max_batch": 8}')
    assert (inference.placement, inference.autoscaling) == (Placement(), None)
    assert InferenceSettings.model_validate_json(inference.model_dump_json()) == inference


def test_requests_and_commands_carry_placements():
    placement = {"cpus": 2, "gpus": 1, "node_selector": {"disk": "fast"}, "tolerations": [{"operator": "Exists"}]}
    asked = DeploymentCreate.model_validate({"configuration_id": 1, "placement": placement})
    assert asked.settings().placement == Placement.model_validate(placement)
    body = {"result_id": 1, "input_topic": "a", "output_topic": "b", "placement": placement}
    body["autoscaling"] = {"min_replicas": 0, "max_replicas": 4, "lag_per_replica": 50}
    settings = InferenceCreate.model_validate(body).settings()
    assert settings.placement == asked.placement
    assert settings.autoscaling == Autoscaling(min_replicas=0, max_replicas=4, lag_per_replica=50)
    command = COMMAND_TYPES["kafka-ml.inference.create"].model_validate(body)
    assert command.model_dump(mode="json")["placement"]["tolerations"][0]["operator"] == "Exists"
