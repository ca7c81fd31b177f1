"""Names, labels and annotations of what the runtime makes in a cluster. Pure."""

import hashlib

GROUP = "kafka-ml.org"
WORKLOAD = f"{GROUP}/workload"
ASSIGNMENT = f"{GROUP}/assignment"
"""Annotation of a pod template: the Assignment, as its host finds it in a file."""
TRIES = f"{GROUP}/tries"
STOP = f"{GROUP}/stop"
"""Annotation of a Job that was asked to stop (a StopRecord), and of its pods, whose hosts find it in a file."""
OVER = f"{GROUP}/over"
"""Annotation of a Job that nobody waits for any more; it is kept for its log."""
NOT_SCALED = f"{GROUP}/not-scaled"
"""Annotation of an inference's StatefulSet: why it does not scale, though it should."""
PAUSED = f"{GROUP}/paused"
"""Annotation of an inference's StatefulSet that scales by itself: it is to have no replica for now."""
CREDENTIALS = f"{GROUP}/credentials"
"""Annotation of validators: a hash of the token that they ask for."""

MANAGER = "kafka-ml-scheduler"
HOST, GUEST = "host", "guest"
VALIDATOR = "validator"
"""Component of the pods that wait for validations."""

_PREFIX = 22


def labels(instance: str, workload_id: str) -> dict[str, str]:
    """Labels of everything that belongs to a workload."""
    return {
        **own(instance),
        "app.kubernetes.io/name": "kafka-ml-workload",
        "app.kubernetes.io/component": workload_id.partition("-")[0],
        WORKLOAD: workload_id,
    }


def own(instance: str) -> dict[str, str]:
    """Labels by which an installation finds what is its own."""
    return {"app.kubernetes.io/instance": instance, "app.kubernetes.io/managed-by": MANAGER}


def selector(found: dict[str, str]) -> str:
    """Labels as a query."""
    return ",".join(f"{key}={value}" for key, value in found.items())


def set_name(instance: str, workload_id: str) -> str:
    """Name of an inference's StatefulSet."""
    return f"{_prefix(instance)}-{workload_id}"


def job_name(instance: str, workload_id: str, attempt: int, tries: int) -> str:
    """Name of the Job for one try of a training or validation: the same each time, so that no try can be there twice."""
    return f"{_prefix(instance)}-{workload_id}-{attempt}-{tries}"


def validator_name(instance: str) -> str:
    """Name of the Deployment of validators."""
    return f"{instance}-{VALIDATOR}"


def validator_labels(instance: str) -> dict[str, str]:
    """Labels of the validators."""
    return own(instance) | {"app.kubernetes.io/name": "kafka-ml-workload", "app.kubernetes.io/component": VALIDATOR}


def _prefix(instance: str) -> str:
    """Names become labels of pods, which have 63 characters at most; a StatefulSet's with eleven more that tell its revisions apart."""
    if len(instance) <= _PREFIX:
        return instance
    return f"{instance[: _PREFIX - 5].rstrip('-')}-{hashlib.sha256(instance.encode()).hexdigest()[:4]}"
