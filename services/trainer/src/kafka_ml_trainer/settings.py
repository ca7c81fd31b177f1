"""Settings of the trainer itself, from environment variables; what a training does is in its spec."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class TrainerSettings(BaseSettings):
    """`KAFKA_ML_WORK_FOLDER` and `KAFKA_ML_TRAINER_...`."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_TRAINER_", extra="ignore")

    work_folder: Path | None = Field(
        None,
        validation_alias="KAFKA_ML_WORK_FOLDER",
        description="where data larger than memory lies while it is trained on, on a disk; a fresh temporary folder when unset",
    )
    guest_folder: Path | None = Field(
        None,
        validation_alias="KAFKA_ML_GUEST_FOLDER",
        description="with the volumes run, shared and scratch, where the model runs in another container of this pod; a process when unset",
    )
    model_log: Path | None = Field(
        None,
        validation_alias="KAFKA_ML_MODEL_LOG",
        description="file for what the model's code prints; none when unset",
    )
    token: SecretStr | None = Field(
        None,
        description="who asks for validations by HTTP must send it as `Authorization: Bearer`; anybody may when unset",
    )
    stop_file: Path | None = Field(
        None,
        description="words in it ask the work to stop, instead of SIGTERM, which then leaves it for another process",
    )
    patience_seconds: float = Field(
        150, gt=0, description="how long Kafka may give nothing before the work is given up"
    )
    stop_seconds: float = Field(
        15, gt=0, description="how long the model's process may take to stop before it is killed"
    )
    memory_share: float = Field(
        0.25, ge=0, le=1, description="share of a training's memory that its data may take; more is streamed from disk"
    )

    @property
    def secret_token(self) -> str | None:
        """The token in clear."""
        return self.token.get_secret_value() if self.token else None
