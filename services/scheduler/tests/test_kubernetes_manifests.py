"""What Kubernetes is asked for, without a cluster."""

import json

import pytest

from kafka_ml_common.errors import InvalidError
from kafka_ml_common.placement import Autoscaling, Placement, Toleration
from kafka_ml_common.training import TrainingSettings
from kafka_ml_common.workloads import Assignment, InferenceSettings
from kafka_ml_scheduler.runtimes.kubernetes import manifests, names
from kafka_ml_scheduler.runtimes.kubernetes.settings import KubernetesSettings

LONGEST_ID = 2**63 - 1
"""Ids are numbers of 64 bits."""


@pytest.fixture(params=["training", "validation", "inference"])
def spec(request, training, validation, inference):
    return {"training": training, "validation": validation, "inference": inference}[request.param]()


def settings(**more):
    return KubernetesSettings(
        **{
            "namespace": "ns",
            "instance": "mine",
            "trainer_image": "trainer:1",
            "inferer_image": "inferer:1",
            "guest_images": {"tensorflow": "guest:1", "torch": "torch:1"},
        }
        | more
    )


def made(spec, **more):
    """The manifest of the object that runs a workload."""
    assignment, chosen = Assignment(spec=spec), settings(**more)
    if spec.kind == "inference":
        return manifests.stateful_set(assignment, chosen, scaled=False)
    return manifests.job(assignment, 1, 60, chosen)


def pod_of(manifest):
    return manifest["spec"]["template"]["spec"]


def containers(manifest):
    return {container["name"]: container for container in pod_of(manifest)["containers"]}


def placed(make, settings_class, **placement):
    return make(settings=settings_class(placement=Placement(**placement)))


def test_a_pod_keeps_to_restricted_pod_security(spec):
    manifest = made(spec)
    pod = pod_of(manifest)
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"} & set(pod)
    assert {kind for volume in pod["volumes"] for kind in set(volume) - {"name"}} <= {
        "downwardAPI",
        "emptyDir",
        "secret",
    }
    assert set(containers(manifest)) == {"host", "guest"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["runAsNonRoot"]
        assert context["readOnlyRootFilesystem"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not {"privileged", "runAsUser", "procMount"} & set(context)


def test_a_pod_gets_no_token_and_learns_of_no_service(spec):
    pod = pod_of(made(spec))
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["serviceAccountName"] == "default"


def test_credentials_are_the_hosts_alone(spec):
    manifest = made(
        spec,
        host_config_maps=("where",),
        host_secrets=("kafka", "s3"),
        host_secret_files={"authority": "/etc/authority", "certificate": "/etc/certificate"},
    )
    host, guest = containers(manifest)["host"], containers(manifest)["guest"]
    assert host["envFrom"] == [
        {"configMapRef": {"name": "where"}},
        {"secretRef": {"name": "kafka"}},
        {"secretRef": {"name": "s3"}},
    ]
    volumes = {volume["name"]: volume for volume in pod_of(manifest)["volumes"]}
    files = {mount["mountPath"]: mount for mount in host["volumeMounts"] if "secret" in volumes[mount["name"]]}
    assert set(files) == {"/etc/authority", "/etc/certificate"}
    for path, secret in (("/etc/authority", "authority"), ("/etc/certificate", "certificate")):
        assert files[path]["readOnly"]
        assert volumes[files[path]["name"]]["secret"]["secretName"] == secret
    assert not {"env", "envFrom"} & set(guest)
    assert {mount["name"] for mount in guest["volumeMounts"]} == {"guest-run", "guest-shared", "guest-scratch"}
    assert "assignment" not in json.dumps(guest)


def test_the_guest_can_write_to_its_scratch_folder_alone(spec):
    found = containers(made(spec))
    writable = {
        name: {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        for name, container in found.items()
    }
    assert writable["guest"] == {"/guest/scratch"}
    assert writable["host"] == {"/guest/run", "/guest/shared", "/guest/scratch", "/work", "/tmp"}
    volumes = {volume["name"]: volume for volume in pod_of(made(spec))["volumes"]}
    assert volumes["guest-run"]["emptyDir"]["medium"] == "Memory"
    assert "sizeLimit" in volumes["guest-scratch"]["emptyDir"]


def test_the_assignment_travels_with_the_pod_into_a_file_of_the_host(spec):
    manifest = made(spec)
    template, host = manifest["spec"]["template"], containers(manifest)["host"]
    assert Assignment.model_validate_json(template["metadata"]["annotations"][names.ASSIGNMENT]).spec == spec
    (volume,) = [volume for volume in pod_of(manifest)["volumes"] if "downwardAPI" in volume]
    items = {item["path"]: item["fieldRef"]["fieldPath"] for item in volume["downwardAPI"]["items"]}
    assert items["assignment.json"] == f"metadata.annotations['{names.ASSIGNMENT}']"
    (folder,) = [mount["mountPath"] for mount in host["volumeMounts"] if mount["name"] == volume["name"]]
    assert host["args"] == ["--assignment", f"{folder}/assignment.json"]
    variables = {entry["name"]: entry.get("value") for entry in host["env"]}
    assert (variables["KAFKA_ML_GUEST_FOLDER"], variables["KAFKA_ML_WORK_FOLDER"]) == ("/guest", "/work")
    if spec.kind == "inference":
        assert "KAFKA_ML_REPLICA" in variables
        assert variables["KAFKA_ML_READY_FILE"] in host["readinessProbe"]["exec"]["command"]
    else:
        assert variables["KAFKA_ML_TRAINER_STOP_FILE"] == f"{folder}/stop"
        assert items["stop"] == f"metadata.annotations['{names.STOP}']"


def test_images_follow_kind_and_framework(training, inference, validation):
    for spec, host in ((training(), "trainer:1"), (validation(), "trainer:1"), (inference(), "inferer:1")):
        found = containers(made(spec, image_pull_policy="Never", image_pull_secrets=("registry",)))
        assert (found["host"]["image"], found["guest"]["image"]) == (host, "guest:1")
        assert {container["imagePullPolicy"] for container in found.values()} == {"Never"}
        assert pod_of(made(spec, image_pull_secrets=("registry",)))["imagePullSecrets"] == [{"name": "registry"}]
    other = placed(training, TrainingSettings, framework="torch")
    assert containers(made(other))["guest"]["image"] == "torch:1"


def test_a_framework_without_an_image_is_refused_with_those_that_have_one(inference):
    with pytest.raises(InvalidError, match="no image for the framework jax") as refused:
        made(placed(inference, InferenceSettings, framework="jax"))
    assert "tensorflow, torch" in str(refused.value.advice)


def test_a_model_gets_what_it_asks_for(training):
    spec = placed(training, TrainingSettings, cpus=1.5, gpus=2)
    limits = containers(made(spec))["guest"]["resources"]["limits"]
    requests = containers(made(spec))["guest"]["resources"]["requests"]
    assert limits["cpu"] == requests["cpu"] == "1500m"
    assert limits["nvidia.com/gpu"] == "2"
    assert limits["memory"] == requests["memory"]
    megabytes = int(limits["memory"].removesuffix("Mi"))
    assert spec.settings.memory_mb < megabytes < spec.settings.memory_mb + 512
    assert "amd.com/gpu" in containers(made(spec, gpu_resource="amd.com/gpu"))["guest"]["resources"]["limits"]


def test_a_model_that_asks_for_nothing_is_not_throttled_and_has_no_gpu(spec):
    found = containers(made(spec))
    assert set(found["guest"]["resources"]["limits"]) == {"memory"}
    assert set(found["host"]["resources"]["limits"]) == {"memory"}


def test_a_placement_adds_to_the_operators_own_and_wins(inference):
    spec = placed(
        inference,
        InferenceSettings,
        node_selector={"disk": "fast", "zone": "b"},
        tolerations=(Toleration(key="gpu", operator="Exists", effect="NoExecute", seconds=5),),
    )
    pod = pod_of(made(spec, node_selector={"zone": "a", "pool": "ml"}, tolerations=({"key": "ml", "value": "yes"},)))
    assert pod["nodeSelector"] == {"disk": "fast", "zone": "b", "pool": "ml"}
    assert {"key": "ml", "value": "yes"} in pod["tolerations"]
    assert {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5} in pod["tolerations"]
    lost = {entry["key"]: entry["tolerationSeconds"] for entry in pod["tolerations"] if "tolerationSeconds" in entry}
    assert lost["node.kubernetes.io/unreachable"] == lost["node.kubernetes.io/not-ready"] == 30


def test_what_is_not_set_is_left_out(spec):
    assert not {"nodeSelector", "imagePullSecrets", "runtimeClassName", "priorityClassName"} & set(pod_of(made(spec)))
    pod = pod_of(made(spec, runtime_class="gvisor", priority_class="low"))
    assert (pod["runtimeClassName"], pod["priorityClassName"]) == ("gvisor", "low")


def test_only_service_accounts_that_the_operator_allows_are_used(training):
    spec = placed(training, TrainingSettings, service_account="reader")
    with pytest.raises(InvalidError, match="reader may not be used") as refused:
        made(spec)
    assert "ALLOWED_SERVICE_ACCOUNTS" in str(refused.value.advice)
    assert pod_of(made(spec, allowed_service_accounts={"reader"}))["serviceAccountName"] == "reader"
    assert pod_of(made(spec, service_account="reader"))["serviceAccountName"] == "reader"


def test_code_that_is_too_long_for_an_object_is_refused_with_advice(training):
    assert made(training("x" * 250_000))
    with pytest.raises(InvalidError, match="too long") as refused:
        made(training("é" * 130_000))
    assert "Shorten" in str(refused.value.advice)


@pytest.mark.parametrize("instance", ["kafka-ml", "a" * 22, "a" * 23, "b" * 52 + "x", "a-" * 20 + "z"])
def test_names_fit_and_stay_apart_for_the_longest_ids_and_instances(instance, training, inference, validation):
    for spec in (training(result_id=LONGEST_ID), inference(inference_id=LONGEST_ID)):
        name = made(spec, instance=instance)["metadata"]["name"]
        assert len(name) <= 63
        assert name[0].isalpha()
    job = names.job_name(instance, f"training-{LONGEST_ID}", 99, 99_999)
    assert len(job) <= 63
    # The pods of a StatefulSet add a number to its name, and the controller a hash to its revision, a label (at most 63).
    assert len(f"{names.set_name(instance, f'inference-{LONGEST_ID}')}-84767bc7b7") <= 63
    assert names.job_name(instance, "training-1", 1, 1) != names.job_name(instance, "training-1", 1, 2)


def test_instances_that_begin_alike_have_names_of_their_own():
    one, other = "a" * 30 + "-one", "a" * 30 + "-other"
    assert names.set_name(one, "inference-1") != names.set_name(other, "inference-1")


def test_labels_say_whose_and_what_it_is_and_the_selector_is_among_them(spec):
    manifest = made(spec)
    expected = {
        "app.kubernetes.io/name": "kafka-ml-workload",
        "app.kubernetes.io/instance": "mine",
        "app.kubernetes.io/managed-by": "kafka-ml-scheduler",
        "app.kubernetes.io/component": spec.kind,
        "kafka-ml.org/workload": spec.workload_id,
    }
    assert manifest["metadata"]["labels"] == manifest["spec"]["template"]["metadata"]["labels"] == expected
    assert manifest["metadata"]["namespace"] == "ns"
    if spec.kind == "inference":
        assert manifest["spec"]["selector"]["matchLabels"] == expected


def test_the_cluster_tries_once_and_ends_what_its_scheduler_forgot(training):
    spec = training()
    job = manifests.job(Assignment(spec=spec, attempt=2), 3, 100.0, settings())
    assert job["metadata"]["name"] == f"mine-{spec.workload_id}-2-3"
    assert job["metadata"]["annotations"] == {names.TRIES: "3"}
    assert job["spec"]["backoffLimit"] == 0
    assert pod_of(job)["restartPolicy"] == "Never"
    # The cluster's clock begins before images are fetched; the scheduler's own limit shall come first.
    assert pod_of(job)["activeDeadlineSeconds"] == 100 + manifests.FETCH_SECONDS
    assert "ttlSecondsAfterFinished" not in job["spec"]  # its end has to be told first
    assert "activeDeadlineSeconds" not in pod_of(manifests.job(Assignment(spec=spec), 1, None, settings()))


def test_scaling_and_pausing_leave_the_template_as_it_was(inference):
    spec = inference(replicas=1)
    one, five, none = (made(spec.model_copy(update={"replicas": number})) for number in (1, 5, 0))
    assert [manifest["spec"]["replicas"] for manifest in (one, five, none)] == [1, 5, 0]
    assert one["spec"]["template"] == five["spec"]["template"] == none["spec"]["template"]


def scaling(inference, replicas=1, **more):
    return inference(
        replicas=replicas,
        settings=InferenceSettings(autoscaling=Autoscaling(max_replicas=4, lag_per_replica=50, **more)),
    )


def test_an_inference_that_scales_by_lag_leaves_the_number_to_keda(inference):
    spec, chosen = scaling(inference, min_replicas=2), settings(keda_authentication="kafka")
    found = manifests.stateful_set(Assignment(spec=spec), chosen, scaled=True)
    assert "replicas" not in found["spec"]
    scaled = manifests.scaled_object(spec, "kafka:9092", "uid-1", chosen)
    assert scaled["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": found["metadata"]["name"],
    }
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == (2, 4)
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["type"] == "kafka"
    assert trigger["authenticationRef"] == {"name": "kafka"}
    assert trigger["metadata"] == {
        "bootstrapServers": "kafka:9092",
        "consumerGroup": f"kafka-ml-inference-{spec.inference_id}",
        "topic": "in",
        "lagThreshold": "50",
        "offsetResetPolicy": "earliest",
    }
    (owner,) = scaled["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("StatefulSet", found["metadata"]["name"], "uid-1")
    assert manifests.scaled_object(inference(), "kafka:9092", "uid-1", chosen) is None


def test_an_inference_that_should_scale_by_lag_says_what_is_missing(inference):
    found = manifests.stateful_set(Assignment(spec=scaling(inference, replicas=2)), settings(), scaled=False)
    assert found["spec"]["replicas"] == 2
    assert "no KEDA" in found["metadata"]["annotations"][names.NOT_SCALED]


def test_a_paused_inference_is_scaled_by_nobody(inference):
    spec = scaling(inference, replicas=0)
    found = manifests.stateful_set(Assignment(spec=spec), settings(), scaled=False)
    assert found["spec"]["replicas"] == 0
    assert set(found["metadata"]["annotations"]) == {names.PAUSED}
    assert manifests.scaled_object(spec, "kafka:9092", "uid-1", settings()) is None


def test_replicas_start_side_by_side(inference):
    assert made(inference(replicas=3))["spec"]["podManagementPolicy"] == "Parallel"


def test_pods_that_wait_for_code_to_check_are_as_closed_as_the_others():
    manifest = manifests.validators(settings(host_secrets=("kafka",), warm_validators=2))
    assert manifest["spec"]["replicas"] == 2
    assert manifest["spec"]["selector"]["matchLabels"] == manifest["spec"]["template"]["metadata"]["labels"]
    found = containers(manifest)
    assert (found["host"]["image"], found["guest"]["image"]) == ("trainer:1", "guest:1")
    assert found["host"]["envFrom"] == [{"secretRef": {"name": "kafka"}}]
    assert not {"env", "envFrom"} & set(found["guest"])
    assert pod_of(manifest)["automountServiceAccountToken"] is False
    for container in found.values():
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_everything_is_owned_by_the_schedulers_deployment_if_there_is_one(spec):
    manifest = made(spec)
    owned = manifests.with_owner(manifest, {"name": "scheduler", "uid": "uid-2", "labels": {}})
    assert owned["metadata"]["ownerReferences"] == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scheduler", "uid": "uid-2"}
    ]
    assert {**owned["metadata"], "ownerReferences": None} == {**manifest["metadata"], "ownerReferences": None}
    assert manifests.with_owner(manifest, None) == manifest
    assert "ownerReferences" not in manifest["metadata"]


@pytest.mark.parametrize("instance", ["Kafka", "-a", "a-", "a" * 54, "a_b", ""])
def test_an_instance_that_is_no_name_is_refused(instance):
    with pytest.raises(ValueError, match="instance"):
        settings(instance=instance)


def test_without_a_pod_or_a_setting_there_is_no_namespace():
    with pytest.raises(ValueError, match="KAFKA_ML_KUBERNETES_NAMESPACE"):
        settings(namespace="")
