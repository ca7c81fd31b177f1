"""Settings of the services, from environment variables. Secrets come in by variable and are never printed."""

import ssl
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """How to reach Kafka: `KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS` and friends."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_KAFKA_", extra="ignore")

    bootstrap_servers: str = "localhost:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    def aiokafka(self) -> dict[str, Any]:
        """The connection arguments of aiokafka's clients."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            context = ssl.create_default_context(cafile=self.ssl_cafile)
            if self.ssl_certfile:
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
            arguments["ssl_context"] = context
        if self.security_protocol.startswith("SASL"):
            arguments["sasl_mechanism"] = self.sasl_mechanism
            arguments["sasl_plain_username"] = self.sasl_username
            arguments["sasl_plain_password"] = self.sasl_password.get_secret_value() if self.sasl_password else None
        return arguments

    def confluent(self) -> dict[str, Any]:
        """The connection properties of librdkafka's clients."""
        properties: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            files = {
                "ssl.ca.location": self.ssl_cafile,
                "ssl.certificate.location": self.ssl_certfile,
                "ssl.key.location": self.ssl_keyfile,
            }
            properties |= {name: path for name, path in files.items() if path}
        if self.security_protocol.startswith("SASL"):
            properties["sasl.mechanism"] = self.sasl_mechanism
            properties["sasl.username"] = self.sasl_username or ""
            properties["sasl.password"] = self.sasl_password.get_secret_value() if self.sasl_password else ""
        return properties


class ObjectStoreSettings(BaseSettings):
    """How to reach the object store (MinIO or any S3): `KAFKA_ML_S3_ENDPOINT` and friends."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_S3_", extra="ignore")

    endpoint: str = Field("localhost:9000", description="host:port, without a scheme")
    access_key: str = ""
    secret_key: SecretStr = SecretStr("")
    secure: bool = True
    region: str | None = None
    bucket: str = "kafka-ml"


class TelemetrySettings(BaseSettings):
    """How a service logs and where it shows its metrics."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_ML_", extra="ignore")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    metrics_port: int | None = Field(None, description="port of a Prometheus endpoint; none when unset")
