"""Credentials put where an OpenAPI document says that they go."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from bedplate.errors import InvalidInput
from bedplate.tools.openapi_document import Document, as_node

Place = Literal["header", "query", "cookie"]


@dataclass(frozen=True, slots=True)
class Credential:
    """What one security scheme adds to a request."""

    place: Place
    name: str
    value: str


def credentials(document: Document, given: Mapping[str, SecretStr]) -> dict[str, Credential]:
    """By scheme; InvalidInput for a scheme that the document does not have, or that is not known."""
    components = as_node(document.root.get("components") or {})
    schemes = as_node(components.get("securitySchemes") or {})
    found: dict[str, Credential] = {}
    for name, secret in given.items():
        if name not in schemes:
            known = ", ".join(schemes) or "none"
            raise InvalidInput(f"auth.{name}: there is no such security scheme. Known: {known}.")
        scheme = document.resolved(schemes[name])
        value = secret.get_secret_value()
        match scheme.get("type"), str(scheme.get("scheme", "")).lower(), scheme.get("in"):
            case "apiKey", _, ("header" | "query" | "cookie") as place:
                found[name] = Credential(place, str(scheme.get("name")), value)
            case "http", "basic", _:
                encoded = base64.b64encode(value.encode()).decode()
                found[name] = Credential("header", "Authorization", f"Basic {encoded}")
            case ("http", "bearer", _) | ("oauth2" | "openIdConnect", _, _):
                found[name] = Credential("header", "Authorization", f"Bearer {value}")
            case kind, scheme_name, _:
                raise InvalidInput(f"auth.{name}: {kind} {scheme_name} is not supported.")
    return found


def chosen(
    security: Sequence[frozenset[str]], found: Mapping[str, Credential]
) -> tuple[Credential, ...]:
    """Those of the first alternative of which all are there; none where there is no such."""
    for alternative in security:
        if alternative and alternative <= found.keys():
            return tuple(found[name] for name in sorted(alternative))
    return ()
