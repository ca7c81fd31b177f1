"""Manifests: from an assignment to what Kubernetes is asked for. Pure.

A pod has two containers. The host holds the credentials and has no TensorFlow; the guest has the model's code and none of them. They
share three small volumes and nothing else. The assignment travels as an annotation of the pod, so that a workload is one object that
is there whole or not at all.
"""

import hashlib
from typing import Any

from kafka_ml_common.errors import InvalidError
from kafka_ml_common.placement import Placement, Toleration
from kafka_ml_common.workloads import Assignment, InferenceSpec, ValidationSpec
from kafka_ml_scheduler.runtimes.base import Spec
from kafka_ml_scheduler.runtimes.kubernetes import names
from kafka_ml_scheduler.runtimes.kubernetes.settings import KubernetesSettings

Manifest = dict[str, Any]

ANNOTATIONS_BYTES = 256 << 10
"""What Kubernetes takes of annotations on one object."""
ASSIGNMENT_FOLDER = "/etc/kafka-ml/assignment"
GUEST_FOLDER = "/guest"
WORK_FOLDER = "/work"
READY_FILE = "/tmp/ready"  # noqa: S108 - in the container's own /tmp

STOP_SECONDS = 60
"""What a host gets to end its work and store what it has, once it is asked to."""
FETCH_SECONDS = 900
"""What a pod gets beyond its time limit to fetch its images; those of models are large."""
LOST_NODE_SECONDS = 30
"""How long a pod stays bound to a node that does not answer."""

_GROUP_ID = 10_000
_HOST_MEMORY_MB = 512
_GUEST_MEMORY_MB = 192
"""Beyond what the model may use: the process that watches it, and room for the watch to act before the kernel does."""
_SCRATCH_GIB = 4
_VALIDATION_MEMORY_MB = ValidationSpec.model_fields["memory_mb"].default

VALIDATOR_PORT = 8082


def job(assignment: Assignment, tries: int, limit_seconds: float | None, settings: KubernetesSettings) -> Manifest:
    """The Job of one try of a training or validation.

    Args:
        assignment: what its host does.
        tries: see Run.
        limit_seconds: how long its host may work before it is stopped from outside.
        settings: of the installation.

    Raises:
        InvalidError: the installation can't run it.
    """
    spec = assignment.spec
    name = names.job_name(settings.instance, spec.workload_id, assignment.attempt, tries)
    pod = _pod(assignment, settings) | {"restartPolicy": "Never"}
    if limit_seconds is not None:
        # For when no scheduler is there to stop it. The cluster counts from before the images are fetched.
        pod["activeDeadlineSeconds"] = int(limit_seconds) + FETCH_SECONDS
    annotations = {names.TRIES: str(tries)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(name, spec, settings) | {"annotations": annotations},
        "spec": {
            # The scheduler counts the attempts: it tells a fault of the model from a node that was drained.
            "backoffLimit": 0,
            "template": _template(assignment, pod, settings),
        },
    }


def stateful_set(assignment: Assignment, settings: KubernetesSettings, *, scaled: bool) -> Manifest:
    """The StatefulSet of an inference; `scaled`: something else says how many replicas it has.

    Its pods have numbers that stay, and so have their transactions in Kafka: a pod that takes another's place ends what that left open.

    Raises:
        InvalidError: the installation can't run it.
    """
    spec = assignment.spec
    assert isinstance(spec, InferenceSpec)  # noqa: S101 - the runtime's own dispatch
    # How many replicas there are doesn't concern a replica; left as it was, scaling would restart them all.
    template = assignment.model_copy(update={"spec": spec.model_copy(update={"replicas": 1})})
    name = names.set_name(settings.instance, spec.workload_id)
    scale = {} if scaled else {"replicas": spec.replicas}
    metadata = _metadata(name, spec, settings)
    if spec.settings.autoscaling is not None and spec.replicas == 0:
        metadata["annotations"] = {names.PAUSED: "true"}
    elif spec.settings.autoscaling is not None and not scaled:
        note = (
            f"It keeps {spec.replicas} replicas, as this cluster has no KEDA, which scales by lag. "
            "Install KEDA and deploy it again, or leave autoscaling out."
        )
        metadata["annotations"] = {names.NOT_SCALED: note}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {
            **scale,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": names.labels(settings.instance, spec.workload_id)},
            "template": _template(template, _pod(template, settings), settings),
        },
    }


def scaled_object(
    spec: InferenceSpec, bootstrap_servers: str, set_uid: str, settings: KubernetesSettings
) -> Manifest | None:
    """How KEDA scales an inference by its consumer group's lag; None if it shouldn't."""
    scaling = spec.settings.autoscaling
    if scaling is None or spec.replicas == 0:
        return None
    name = names.set_name(settings.instance, spec.workload_id)
    trigger: Manifest = {
        "type": "kafka",
        "metadata": {
            "bootstrapServers": bootstrap_servers,
            "consumerGroup": f"kafka-ml-inference-{spec.inference_id}",
            "topic": spec.input_topic,
            "lagThreshold": str(scaling.lag_per_replica),
            "offsetResetPolicy": spec.settings.start_from,
        },
    }
    if settings.keda_authentication is not None:
        trigger["authenticationRef"] = {"name": settings.keda_authentication}
    metadata = _metadata(name, spec, settings)
    metadata["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": set_uid}]
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name},
            "minReplicaCount": scaling.min_replicas,
            "maxReplicaCount": scaling.max_replicas,
            "triggers": [trigger],
        },
    }


def validators(settings: KubernetesSettings) -> Manifest:
    """The Deployment of pods that wait for validations."""
    labels = names.validator_labels(settings.instance)
    host = _container(names.HOST, settings.trainer_image, settings) | {
        "args": ["--serve", str(VALIDATOR_PORT)],
        "env": _guest_variables(),
        "envFrom": _credentials(settings),
        "ports": [{"name": "http", "containerPort": VALIDATOR_PORT}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 2, "timeoutSeconds": 2},
        "livenessProbe": {"httpGet": {"path": "/livez", "port": "http"}, "periodSeconds": 10, "failureThreshold": 6},
        "resources": {"requests": {"cpu": "100m", "memory": "192Mi"}, "limits": {"memory": f"{_HOST_MEMORY_MB}Mi"}},
        "volumeMounts": _host_mounts(settings),
    }
    guest = _guest(Placement(), _VALIDATION_MEMORY_MB, settings)
    # While it waits it needs a third of what a model may use.
    guest["resources"]["requests"]["memory"] = "768Mi"
    pod = _pod_around([host, guest], Placement(), settings)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": names.validator_name(settings.instance),
            "namespace": settings.namespace,
            "labels": labels,
        },
        "spec": {
            "replicas": settings.warm_validators,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": labels,
                    # Pods take up another token, or other settings of their hosts, when this changes.
                    "annotations": {
                        names.CREDENTIALS: _fingerprint(settings),
                        "kubectl.kubernetes.io/default-container": names.HOST,
                    },
                },
                "spec": pod,
            },
        },
    }


def _fingerprint(settings: KubernetesSettings) -> str:
    token = settings.validator_token.get_secret_value() if settings.validator_token is not None else ""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _metadata(name: str, spec: Spec, settings: KubernetesSettings) -> Manifest:
    return {"name": name, "namespace": settings.namespace, "labels": names.labels(settings.instance, spec.workload_id)}


def _template(assignment: Assignment, pod: Manifest, settings: KubernetesSettings) -> Manifest:
    text = assignment.model_dump_json()
    if len(text.encode()) > ANNOTATIONS_BYTES - 4096:
        raise InvalidError(
            "The model's code and its stream's ranges are too long for an object of Kubernetes.",
            advice="Shorten the code, or send the data in fewer ranges.",
        )
    return {
        "metadata": {
            "labels": names.labels(settings.instance, assignment.spec.workload_id),
            "annotations": {names.ASSIGNMENT: text, "kubectl.kubernetes.io/default-container": names.HOST},
        },
        "spec": pod,
    }


def _pod(assignment: Assignment, settings: KubernetesSettings) -> Manifest:
    spec = assignment.spec
    placement = placement_of(spec)
    containers = [_host(assignment, settings), _guest(placement, memory_mb(spec), settings)]
    return _pod_around(containers, placement, settings)


def _pod_around(containers: list[Manifest], placement: Placement, settings: KubernetesSettings) -> Manifest:
    optional = {
        "nodeSelector": settings.node_selector | placement.node_selector,
        "imagePullSecrets": [{"name": name} for name in settings.image_pull_secrets],
        "runtimeClassName": settings.runtime_class,
        "priorityClassName": settings.priority_class,
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "serviceAccountName": _service_account(placement, settings),
        "terminationGracePeriodSeconds": STOP_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": _GROUP_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": _tolerations(placement, settings),
        "containers": containers,
        "volumes": _volumes(settings),
        **{name: value for name, value in optional.items() if value},
    }


def placement_of(spec: Spec) -> Placement:
    """Where a workload runs. A validation is the same everywhere."""
    return Placement() if isinstance(spec, ValidationSpec) else spec.settings.placement


def memory_mb(spec: Spec) -> int:
    """What its model may use, in MiB."""
    return spec.memory_mb if isinstance(spec, ValidationSpec) else spec.settings.memory_mb


def _service_account(placement: Placement, settings: KubernetesSettings) -> str:
    chosen = placement.service_account
    if chosen is None or chosen == settings.service_account:
        return settings.service_account
    if chosen not in settings.allowed_service_accounts:
        raise InvalidError(
            f"The service account {chosen} may not be used.",
            advice="Choose another, or have the operator allow it (KAFKA_ML_KUBERNETES_ALLOWED_SERVICE_ACCOUNTS).",
        )
    return chosen


def _tolerations(placement: Placement, settings: KubernetesSettings) -> list[Manifest]:
    lost = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_NODE_SECONDS}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    ]
    return [*lost, *settings.tolerations, *(_toleration(entry) for entry in placement.tolerations)]


def _toleration(entry: Toleration) -> Manifest:
    found: Manifest = entry.model_dump(exclude_none=True, exclude={"seconds"})
    if entry.seconds is not None:
        found["tolerationSeconds"] = entry.seconds
    return found


def _host(assignment: Assignment, settings: KubernetesSettings) -> Manifest:
    spec = assignment.spec
    is_inference = isinstance(spec, InferenceSpec)
    # The samples that host and guest share in memory count as the host's.
    memory = _HOST_MEMORY_MB + memory_mb(spec) // 2
    container = _container(names.HOST, settings.inferer_image if is_inference else settings.trainer_image, settings) | {
        "args": ["--assignment", f"{ASSIGNMENT_FOLDER}/assignment.json"],
        "env": [*_guest_variables(), *(_inferer_variables() if is_inference else _trainer_variables())],
        "envFrom": _credentials(settings),
        "resources": {"requests": {"cpu": "100m", "memory": "192Mi"}, "limits": {"memory": f"{memory}Mi"}},
        "volumeMounts": _host_mounts(settings),
    }
    if is_inference:
        probe = {"exec": {"command": ["test", "-e", READY_FILE]}, "periodSeconds": 2}
        container["readinessProbe"] = probe
    return container


def _host_mounts(settings: KubernetesSettings) -> list[Manifest]:
    return [
        {"name": "assignment", "mountPath": ASSIGNMENT_FOLDER, "readOnly": True},
        *_shared_mounts(read_only=()),
        {"name": "work", "mountPath": WORK_FOLDER},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        *(
            {"name": f"files-{number}", "mountPath": path, "readOnly": True}
            for number, path in enumerate(settings.host_secret_files.values())
        ),
    ]


def _credentials(settings: KubernetesSettings) -> list[Manifest]:
    return [
        *({"configMapRef": {"name": name}} for name in settings.host_config_maps),
        *({"secretRef": {"name": name}} for name in settings.host_secrets),
    ]


def _guest_variables() -> list[Manifest]:
    return [
        {"name": "KAFKA_ML_GUEST_FOLDER", "value": GUEST_FOLDER},
        {"name": "KAFKA_ML_WORK_FOLDER", "value": WORK_FOLDER},
    ]


def _inferer_variables() -> list[Manifest]:
    number = {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}
    return [
        {"name": "KAFKA_ML_REPLICA", "valueFrom": number},
        {"name": "KAFKA_ML_READY_FILE", "value": READY_FILE},
    ]


def _trainer_variables() -> list[Manifest]:
    # A pod is also asked to end when its node is drained; only a training that its user stops shall end for good.
    return [{"name": "KAFKA_ML_TRAINER_STOP_FILE", "value": f"{ASSIGNMENT_FOLDER}/stop"}]


def _guest(placement: Placement, model_mb: int, settings: KubernetesSettings) -> Manifest:
    image = settings.guest_images.get(placement.framework)
    if image is None:
        known = ", ".join(sorted(settings.guest_images))
        raise InvalidError(
            f"There is no image for the framework {placement.framework}.", advice=f"Choose one of: {known}."
        )
    memory = f"{model_mb + _GUEST_MEMORY_MB}Mi"
    limits: Manifest = {"memory": memory}
    requests: Manifest = {"memory": memory, "cpu": "250m"}
    if placement.cpus is not None:
        limits["cpu"] = requests["cpu"] = f"{max(1, round(placement.cpus * 1000))}m"
    if placement.gpus:
        limits[settings.gpu_resource] = str(placement.gpus)
    return _container(names.GUEST, image, settings) | {
        "args": ["--folder", GUEST_FOLDER],
        "resources": {"requests": requests, "limits": limits},
        "volumeMounts": _shared_mounts(read_only=("run", "shared")),
    }


def _container(name: str, image: str, settings: KubernetesSettings) -> Manifest:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": settings.image_pull_policy,
        # What it printed last is part of the pod's status, and so is there as long as the pod is.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _shared_mounts(read_only: tuple[str, ...]) -> list[Manifest]:
    mounts = []
    for part in ("run", "shared", "scratch"):
        mount: Manifest = {"name": f"guest-{part}", "mountPath": f"{GUEST_FOLDER}/{part}"}
        if part in read_only:
            mount["readOnly"] = True
        mounts.append(mount)
    return mounts


def _volumes(settings: KubernetesSettings) -> list[Manifest]:
    items = [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"}}
        for path, annotation in (("assignment.json", names.ASSIGNMENT), ("stop", names.STOP))
    ]
    return [
        {"name": "assignment", "downwardAPI": {"items": items}},
        {"name": "guest-run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        # On disk: a stored model, and samples that are more than fit into memory.
        {"name": "guest-shared", "emptyDir": {}},
        {"name": "guest-scratch", "emptyDir": {"sizeLimit": f"{_SCRATCH_GIB}Gi"}},
        {"name": "work", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        *(
            {"name": f"files-{number}", "secret": {"secretName": name}}
            for number, name in enumerate(settings.host_secret_files)
        ),
    ]


def with_owner(manifest: Manifest, owner: Manifest | None) -> Manifest:
    """The manifest, owned by a Deployment; as it is if there is none."""
    if owner is None:
        return manifest
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner["name"], "uid": owner["uid"]}
    return manifest | {"metadata": manifest["metadata"] | {"ownerReferences": [reference]}}
