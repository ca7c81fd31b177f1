"""Placement: where and with what a workload runs on Kubernetes, and how many replicas follow an inference's lag.

Names are checked as Kubernetes does, so that what is accepted here is not refused when the workload starts.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

_WORD = r"[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?"
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_KEY_PATTERN = rf"^({_SUBDOMAIN}/)?{_WORD}$"
_SUBDOMAIN_CHARACTERS = 253
_MOST_REPLICAS = 1000


def _short_prefix(key: str) -> str:
    if len(key.rpartition("/")[0]) > _SUBDOMAIN_CHARACTERS:
        raise ValueError(f"what is before the slash must not be longer than {_SUBDOMAIN_CHARACTERS} characters")
    return key


LabelKey = Annotated[
    str, StringConstraints(pattern=_KEY_PATTERN, min_length=1, max_length=317), AfterValidator(_short_prefix)
]
"""Key of a Kubernetes label or taint, such as `kubernetes.io/arch`."""
LabelValue = Annotated[str, StringConstraints(pattern=rf"^({_WORD})?$", max_length=63)]
"""Value of a Kubernetes label or taint; may be empty."""
DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", max_length=63)]
DnsSubdomain = Annotated[str, StringConstraints(pattern=rf"^{_SUBDOMAIN}$", max_length=_SUBDOMAIN_CHARACTERS)]


class Toleration(BaseModel):
    """A taint of nodes that a workload puts up with. Without a key, every taint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: LabelKey | None = Field(None, description="key of the taint; needed unless the operator is Exists")
    operator: Literal["Exists", "Equal"] = Field("Equal", description="whether the taint's value matters")
    value: LabelValue | None = Field(None, description="value of the taint; only with Equal")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="effect of the taint; all of them if not given"
    )
    seconds: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=2**31 - 1,
        description="how long the workload stays on a node that gets the taint; for ever if not given; only with NoExecute",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.key is None and self.operator != "Exists":
            raise ValueError("without a key, the operator must be Exists")
        if self.operator == "Exists" and self.value:
            raise ValueError("with the operator Exists, there must be no value")
        if self.seconds is not None and self.effect != "NoExecute":
            raise ValueError("seconds are only for the effect NoExecute")
        return self


class Placement(BaseModel):
    """Where and with what a workload runs on Kubernetes. Where workloads are processes on one machine, nothing of it counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    framework: DnsLabel = Field(
        "tensorflow", description="what the model is made with; chooses the image that its code runs in"
    )
    cpus: float | None = Field(
        None,
        strict=True,
        ge=0.001,
        le=4096,
        allow_inf_nan=False,
        description="processors for the model: request and limit of its container; by default what the cluster gives",
        examples=[2],
    )
    gpus: int = Field(0, strict=True, ge=0, le=64, description="graphics processors for the model")
    node_selector: dict[LabelKey, LabelValue] = Field(
        default_factory=dict,
        max_length=20,
        description="labels that the node must have",
        examples=[{"kubernetes.io/arch": "amd64"}],
    )
    tolerations: tuple[Toleration, ...] = Field((), max_length=20, description="taints of nodes that it puts up with")
    service_account: DnsSubdomain | None = Field(
        None,
        description="service account of its pod, one of those that the installation allows",
    )


class Autoscaling(BaseModel):
    """Let the number of replicas follow the messages that wait. Needs Kubernetes with KEDA; elsewhere `replicas` counts.

    Where it works, `replicas` only says whether the inference is paused (0).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_replicas: int = Field(1, strict=True, ge=0, le=_MOST_REPLICAS, description="0: none runs while nothing waits")
    max_replicas: int = Field(
        strict=True, ge=1, le=_MOST_REPLICAS, description="at most, also not more than partitions"
    )
    lag_per_replica: int = Field(
        1000, strict=True, ge=1, le=2**31 - 1, description="messages that wait for one replica before another is added"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be more than max_replicas")
        return self
