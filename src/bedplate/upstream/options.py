"""How a server is reached over HTTP: types for the options of its adapters, and their use."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in value:
        raise ValueError("must be an http or https URL with a host")
    if "@" in parts.netloc:
        raise ValueError("must not hold credentials; use api_key or headers")
    # Both raise ValueError for what no connection could be made to.
    _ = parts.port, parts.hostname.encode("idna")
    return value


def _check_headers(value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    for name, secret in value.items():
        if not name or not _is_header_text(name + secret.get_secret_value()):
            raise ValueError(f"header {name!r} holds characters that HTTP cannot send")
    return value


def _check_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text and _is_header_text(text)):
        raise ValueError("must be printable ASCII and not empty")
    return value


BaseUrl = Annotated[str, AfterValidator(_check_url)]
ApiKey = Annotated[SecretStr, AfterValidator(_check_key)]
Headers = Annotated[Mapping[str, SecretStr], AfterValidator(_check_headers)]
"""Sent with every request; values are treated as secrets."""


def endpoint(base_url: str, path: str) -> str:
    """The URL of `path`, such as "embeddings"; a query of `base_url` stays."""
    parts = urlsplit(base_url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{path}").geturl()


def shown(base_url: str) -> str:
    """Without the query, which may hold a key."""
    return urlsplit(base_url)._replace(query="", fragment="").geturl()


def sent_headers(api_key: SecretStr | None, headers: Mapping[str, SecretStr]) -> dict[str, str]:
    """Every header of a request; `headers` win."""
    # A compressing proxy would hold text back until its block is full.
    sent = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if api_key is not None:
        sent["Authorization"] = f"Bearer {api_key.get_secret_value()}"
    return sent | {name: value.get_secret_value() for name, value in headers.items()}


def secrets(api_key: SecretStr | None, headers: Mapping[str, SecretStr]) -> list[str]:
    """What no message may show."""
    found = [secret.get_secret_value() for secret in headers.values()]
    return found if api_key is None else [*found, api_key.get_secret_value()]


def _is_header_text(text: str) -> bool:
    return text.isascii() and text.isprintable()
