"""The body of POST /v1/embeddings. Source: OpenAI API reference, "Create embeddings"."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeGuard, cast

from msgspec import Meta, Struct

from bedplate.api.reading import convert, kind, read_object, wrong
from bedplate.api.wire import EncodingFormat

MAX_INPUTS = 2048

Positive = Annotated[int, Meta(ge=1)]


class EmbeddingsBody(Struct):
    model: str
    input: Any
    encoding_format: EncodingFormat | None = None
    dimensions: Positive | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingsCall:
    """`input` is texts, or token ids a text; `dimensions` is None where the client left it open."""

    model: str
    input: tuple[str, ...] | tuple[tuple[int, ...], ...]
    encoding_format: EncodingFormat
    dimensions: int | None


def read_embeddings(body: bytes) -> EmbeddingsCall:
    """The body of POST /v1/embeddings; InvalidInput names the field at fault."""
    known = convert(read_object(body), EmbeddingsBody)
    return EmbeddingsCall(
        known.model, _inputs(known.input), known.encoding_format or "float", known.dimensions
    )


def _inputs(value: Any) -> tuple[str, ...] | tuple[tuple[int, ...], ...]:
    if isinstance(value, str):
        return (_text(value, "input"),)
    if _is_token_list(value):
        return (tuple(value),)
    if not isinstance(value, list):
        raise wrong("input", f"expected string or list, got {kind(value)}")
    items = cast(list[Any], value)
    if not 0 < len(items) <= MAX_INPUTS:
        raise wrong("input", f"expected 1 to {MAX_INPUTS} inputs, got {len(items)}")
    if isinstance(items[0], list):
        return tuple(_tokens(item, f"input.{at}") for at, item in enumerate(items))
    return tuple(_text(item, f"input.{at}") for at, item in enumerate(items))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise wrong(where, f"expected string, got {kind(value)}")
    if not value:
        raise wrong(where, "must not be empty")
    return value


def _tokens(value: Any, where: str) -> tuple[int, ...]:
    if not _is_token_list(value):
        raise wrong(where, "expected a list of token ids, as the inputs before it")
    return tuple(value)


def _is_token_list(value: Any) -> TypeGuard[list[int]]:
    if not isinstance(value, list) or not value:
        return False
    return all(type(item) is int and item >= 0 for item in cast(list[Any], value))
