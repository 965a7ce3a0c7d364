"""How chunks stand in a LanceDB table: its options, its columns, its rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from lancedb.index import FTS, BTree, LabelList
from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.retrieval import Scope
from bedplate.state.protocol import Entry
from bedplate.stores.facts import facts_of
from bedplate.stores.keys import document_key, row_key
from bedplate.terms import TermVector, Weights

MOST_REPEATS = 16
"""BM25 hardly tells counts above it apart."""
MOST_TERMS = 100

# Untyped libraries are held by casts at the adapter's edge.
arrow = cast(Any, pa)


class LanceOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    folder: Path | None = None
    exact_rows: int = Field(default=30_000, ge=1)
    keep_seconds: float = Field(default=3600.0, ge=60)
    """How long a version is kept that a reader may still be reading."""


def schema(dimensions: int) -> Any:
    columns = {
        "id": arrow.string(),
        "document": arrow.string(),
        "chunk": arrow.string(),
        "facts": arrow.list_(arrow.int64()),
        "terms": arrow.string(),
        "dense": arrow.list_(arrow.float32(), dimensions),
    }
    return arrow.schema([arrow.field(name, kind, nullable=False) for name, kind in columns.items()])


def indexes() -> dict[str, Any]:
    """Those that a table has from its first row on; `settle` brings them up to date."""
    whole_words = FTS(
        base_tokenizer="whitespace",
        with_position=False,
        lower_case=False,
        stem=False,
        remove_stop_words=False,
        ascii_folding=False,
    )
    return {"terms": whole_words, "facts": LabelList(), "document": BTree(), "id": BTree()}


def table_of(scope: Scope, entries: Sequence[Entry], dimensions: int) -> Any:
    """One row a chunk."""
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "document", "chunk", "facts")}
    terms: list[str] = []
    vectors = [np.zeros((0, dimensions), dtype=np.float32)]
    for entry in entries:
        document, facts = document_key(entry.document.id), facts_of(entry.document.metadata)
        for chunk in entry.chunks:
            columns["id"].append(row_key(scope, chunk.id))
            columns["document"].append(document)
            columns["chunk"].append(chunk.id)
            columns["facts"].append(facts)
        terms += [_words(each) for each in entry.terms]
        vectors.append(entry.vectors.astype(np.float32))
    dense = arrow.FixedSizeListArray.from_arrays(
        arrow.array(np.concatenate(vectors).reshape(-1)), dimensions
    )
    return arrow.table({**columns, "terms": terms, "dense": dense}, schema=schema(dimensions))


def asked_words(terms: TermVector, idf: Weights | None) -> str:
    """The query's terms that the collection has, those that say most if there are very many."""
    weights = terms.counts * (np.ones(len(terms.ids), dtype=np.float32) if idf is None else idf)
    best = np.argsort(-weights, kind="stable")[:MOST_TERMS]
    return " ".join(_word(term) for term in terms.ids[best[weights[best] > 0]].tolist())


def _words(terms: TermVector) -> str:
    """A text of the same terms for the engine's tokeniser, which parts it at the spaces."""
    repeats = np.minimum(terms.counts, MOST_REPEATS)
    return " ".join(map(_word, np.repeat(terms.ids, repeats).tolist()))


def _word(term: int) -> str:
    return f"{term:08x}"
