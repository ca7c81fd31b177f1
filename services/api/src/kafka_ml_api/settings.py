"""Settings of the API, from environment variables."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from kafka_ml_common.settings import KafkaSettings, ObjectStoreSettings


class ApiSettings(BaseSettings):
    """`KAFKA_ML_API_HOST`, `KAFKA_ML_DATABASE_URL` and friends."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_", extra="ignore")

    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65_535, description="0 takes a free one, which the log tells")
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="names (without port) by which clients may call the service, besides those of the loopback; "
        "`*` for any, behind a proxy that checks them. A page of another site can't then reach it by rebinding its own name",
    )
    advertised_bootstrap: str | None = Field(
        None,
        max_length=2000,
        description="Kafka's address for producers outside, where it is another than the services'",
    )
    database_url: SecretStr = SecretStr("postgresql+asyncpg://localhost/kafka_ml")
    database_connections: int = Field(10, ge=1, le=1000)
    scheduler_url: str | None = Field(
        None, description="where the scheduler answers over HTTP, as http://host:port; logs can't be shown when unset"
    )
    scheduler_token: SecretStr | None = Field(None, description="the scheduler's token, if it has one")
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    objects: ObjectStoreSettings = Field(default_factory=ObjectStoreSettings)
