"""Settings of the Kubernetes runtime, from `KAFKA_ML_KUBERNETES_...` variables; the chart sets them."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$")]


class KubernetesSettings(BaseSettings):
    """What workloads on a cluster are made of, and what the operator grants them."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_KUBERNETES_", extra="ignore", frozen=True)

    namespace: str = Field("", description="of the workloads; that of the scheduler's own pod when unset")
    instance: Name = Field("kafka-ml", description="label and name prefix of this installation's workloads")
    owner: str | None = Field(
        None, description="a Deployment that owns all workloads, so that they go when it is removed"
    )

    trainer_image: str = Field("kafka-ml/trainer:latest", description="the host of trainings and validations")
    inferer_image: str = Field("kafka-ml/inferer:latest", description="the host of inferences")
    guest_images: dict[str, str] = Field(
        default_factory=lambda: {"tensorflow": "kafka-ml/guest-tensorflow:latest"},
        description="by framework: the image of the container in which models run",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()

    host_config_maps: tuple[str, ...] = Field((), description="whose entries are variables of the hosts")
    host_secrets: tuple[str, ...] = Field((), description="the same, for credentials; models never see them")
    host_secret_files: dict[str, str] = Field(
        default_factory=dict, description="by Secret: where the hosts find its entries as files, such as certificates"
    )

    service_account: str = Field("default", description="of workloads; they get no token of it")
    allowed_service_accounts: frozenset[str] = Field(frozenset(), description="what a placement may name besides")
    gpu_resource: str = "nvidia.com/gpu"
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = Field((), description="as in a pod")
    runtime_class: str | None = Field(None, description="such as gvisor: a stronger wall around models")
    priority_class: str | None = None
    warm_validators: int = Field(1, ge=0, description="pods that wait to check code; without, each check starts a pod")
    validator_token: SecretStr | None = Field(
        None, description="what they ask for; the same as KAFKA_ML_TRAINER_TOKEN in the hosts' Secrets"
    )
    job_ttl_seconds: int = Field(3600, ge=0, description="how long a Job that has ended is kept, for its log")

    lease: str | None = Field(
        None, description="by which several schedulers choose the one that works; none when unset"
    )
    pod_name: str = Field("", description="of this scheduler, as it signs the lease")
    keda_authentication: str | None = Field(None, description="a TriggerAuthentication by which KEDA reaches Kafka")

    @model_validator(mode="before")
    @classmethod
    def _in_our_own_namespace(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not values.get("namespace") and _OWN_NAMESPACE.exists():
            return values | {"namespace": _OWN_NAMESPACE.read_text().strip()}
        return values

    @model_validator(mode="after")
    def _with_a_namespace(self) -> Self:
        if not self.namespace:
            raise ValueError("set KAFKA_ML_KUBERNETES_NAMESPACE: this process runs in no pod that would tell it")
        return self
