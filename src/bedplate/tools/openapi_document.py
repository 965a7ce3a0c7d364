"""An OpenAPI document (https://spec.openapis.org/oas/, 3.0 and 3.1), read and followed within itself."""

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

import yaml

from bedplate.errors import InvalidInput

MOST_BYTES = 10_000_000
MOST_STEPS = 32
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")

Node = Mapping[str, Any]


class Document:
    """References that lead out of it are not followed."""

    def __init__(self, root: Node) -> None:
        """InvalidInput for what is no OpenAPI 3 document."""
        version = root.get("openapi")
        if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
            raise InvalidInput(f"no OpenAPI 3.0 or 3.1 document: its `openapi` is {version!r}.")
        self.root = root
        self.old = version.startswith("3.0")
        """Whether its schemas are in the dialect that came before JSON Schema's own."""

    def resolved(self, node: object) -> Node:
        """What a reference leads to, the node itself where it is none."""
        for _ in range(MOST_STEPS):
            found = as_node(node)
            reference = found.get("$ref")
            if reference is None:
                return found
            node = self.at(str(reference))
        raise InvalidInput("a reference goes round in circles.")

    def at(self, reference: str) -> object:
        if not reference.startswith("#/"):
            raise InvalidInput(f"{reference!r} leads out of the document, which is not followed.")
        node: object = self.root
        for part in reference[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            found = as_node(node)
            if key not in found:
                raise InvalidInput(f"{reference!r} leads nowhere.")
            node = found[key]
        return node


def read_document(content: bytes) -> Document:
    """JSON or YAML; InvalidInput says what is wrong with it."""
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"it has more than {MOST_BYTES:,} bytes.")
    try:
        text = content.decode("utf-8-sig")
        read: object = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise InvalidInput("it is not UTF-8.") from error
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(
            f"it is neither JSON nor YAML: {' '.join(str(error).split())[:300]}."
        ) from error
    if not isinstance(read, dict):
        raise InvalidInput("it is no object.")
    return Document(cast(Node, read))


def as_node(value: object) -> Node:
    """An object; InvalidInput for anything else."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{str(value)[:100]!r} stands where an object should.")
    return cast(Node, value)
