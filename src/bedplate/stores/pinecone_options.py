"""What `pinecone` can be told: see docs/reference/configuration.md."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("must be an http or https URL without credentials")
    return value.rstrip("/")


def _check_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text and text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("must be printable ASCII without spaces, and not empty")
    return value


class PineconeOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api_key: Annotated[SecretStr, AfterValidator(_check_key)]
    index: str = Field(default="bedplate", pattern=r"^[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?$")
    base_url: Annotated[str, AfterValidator(_check_url)] = "https://api.pinecone.io"
    cloud: Literal["aws", "gcp", "azure"] = "aws"
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,64}$")
    mean_terms: float = Field(default=100.0, gt=0, le=100_000)
    seconds: float = Field(default=30.0, gt=0, le=3600)
    visible_seconds: float = Field(default=120.0, ge=0, le=3600)
