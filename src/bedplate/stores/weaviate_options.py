"""Where a Weaviate server is, and a client that is not yet connected to it."""

import re
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import weaviate
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from weaviate.classes.init import AdditionalConfig, Auth, Timeout

from bedplate.errors import ConfigError

GRPC_PORT = 50051
OLDEST_VERSION = (1, 33)


class WeaviateOptions(BaseModel):
    """Options of the weaviate store.

    `url` is where REST is; `grpc_url` where gRPC is, the same host's port 50051 when not set.
    `index` and `replicas` are for the collection when it is made. `batch` bounds the objects of one
    write. `seconds` bounds one request with the client's repeats, `connect_seconds` the opening.
    """

    model_config = ConfigDict(extra="forbid")
    url: str
    grpc_url: str | None = None
    api_key: SecretStr | None = None
    collection: str = Field(default="Bedplate", pattern=r"^[A-Z][_0-9A-Za-z]{0,229}$")
    index: Literal["hnsw", "flat"] = "hnsw"
    replicas: int = Field(default=1, ge=1)
    batch: int = Field(default=100, ge=1, le=10_000)
    connect_seconds: float = Field(default=5.0, gt=0)
    seconds: float = Field(default=30.0, gt=0)

    @field_validator("url", "grpc_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it must start with http:// or https:// and name a host")
        if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("it is scheme, host and port only; the key goes into api_key")
        if parts.port == 0:  # one out of range raises by itself
            raise ValueError("its port must be from 1 to 65535")
        return value

    @property
    def rest(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def grpc(self) -> SplitResult:
        if self.grpc_url is not None:
            return urlsplit(self.grpc_url)
        host = f"[{self.rest.hostname}]" if ":" in str(self.rest.hostname) else self.rest.hostname
        return self.rest._replace(netloc=f"{host}:{GRPC_PORT}")

    @property
    def secret(self) -> str:
        return self.api_key.get_secret_value() if self.api_key else ""


def make_client(options: WeaviateOptions) -> weaviate.WeaviateAsyncClient:
    rest, grpc = options.rest, options.grpc
    return weaviate.use_async_with_custom(
        http_host=str(rest.hostname),
        http_port=_port(rest),
        http_secure=rest.scheme == "https",
        grpc_host=str(grpc.hostname),
        grpc_port=_port(grpc),
        grpc_secure=grpc.scheme == "https",
        auth_credentials=Auth.api_key(options.secret) if options.secret else None,
        additional_config=AdditionalConfig(
            timeout=Timeout(
                init=options.connect_seconds, query=options.seconds, insert=options.seconds
            )
        ),
        # They would also ask PyPI for a newer client. The opening checks both ports itself.
        skip_init_checks=True,
    )


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def check_version(version: str, url: str) -> None:
    numbers = re.match(r"v?([0-9]+)\.([0-9]+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise ConfigError(
            f"Weaviate at {url} is version {version}; {oldest} is the oldest that can negate a "
            "filter. Upgrade it."
        )
