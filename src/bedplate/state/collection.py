"""A collection as every catalog has it: its key, its fields, and why it is refused."""

from collections.abc import Iterable, Sequence

from bedplate.domain.filters import FieldKind
from bedplate.domain.ids import new_id
from bedplate.domain.retrieval import Collection, Scope
from bedplate.errors import Conflict, NotFound
from bedplate.spelling import did_you_mean, shown


def new_key(scope: Scope) -> str:
    """What a new collection of that name is known by in stores, whatever it is called later."""
    return f"{scope.collection.partition('/')[0]}/{new_id()}"


def to_fields(rows: Iterable[tuple[str, FieldKind]]) -> dict[str, frozenset[FieldKind]]:
    fields: dict[str, frozenset[FieldKind]] = {}
    for field, kind in rows:
        fields[field] = frozenset[FieldKind]([*fields.get(field, ()), kind])
    return fields


def check_embedder(collection: Collection, embedder: str) -> None:
    """Conflict where the collection has another."""
    if collection.embedder != embedder:
        raise Conflict(
            f"Collection {collection.name!r} was made with embedder {collection.embedder!r}; "
            f"the configured one is {embedder!r}. Their vectors do not compare: run "
            f"`bedplate reindex -c {collection.name}`, or configure the former embedder."
        )


def check_writable(asked: str, name: str, key: str) -> None:
    """Conflict where what was asked for is a key that is no longer the collection's, or the key of
    one that lost its name.

    The writer looked it up before the names were swapped, and must look again.
    """
    if asked != name and (asked != key or "/" in name):
        base = name.partition("/")[0]
        raise Conflict(f"Collection {base!r} got another index meanwhile: try again.")


def name_taken(name: str) -> Conflict:
    return Conflict(f"There is {name!r} already: choose another name.")


def unknown_collection(asked: str, names: Sequence[str]) -> NotFound:
    hint = did_you_mean(asked, names)
    return NotFound(
        f"There is no collection {shown(asked)}.{hint} "
        f"Known: {', '.join(names) or 'none; ingest some documents first'}.",
        param="collection",
    )
