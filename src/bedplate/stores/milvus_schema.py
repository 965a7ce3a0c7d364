"""How chunks stand in Milvus: the options that shape it, the fields, their indexes, the rows."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pymilvus import DataType, MilvusClient

from bedplate.domain.retrieval import Scope
from bedplate.errors import InvalidInput
from bedplate.state.protocol import Entry
from bedplate.stores.facts import facts_of
from bedplate.stores.keys import document_key, row_key, scope_key
from bedplate.terms import TermVector, Weights, damped

MAX_FACTS = 4096
"""Most members of an ARRAY field."""
MAX_CHUNK_ID = 65_535
KEY_CHARACTERS = 32
# Milvus takes sparse indices below 2^32 - 1, and no empty vector. The last index is kept for chunks
# without any term; no query asks for it.
LAST_TERM = 2**32 - 3
NO_TERM = 2**32 - 2


class MilvusOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    uri: str = Field(default="http://127.0.0.1:19530", pattern=r"^https?://[^@\s]+$")
    token: SecretStr | None = None
    """An API key, or "user:password"."""
    db_name: str = ""
    prefix: str = Field(default="bedplate", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")
    index: Literal["HNSW", "AUTOINDEX", "FLAT"] = "HNSW"
    ef: int = Field(default=512, ge=1, le=32_768)
    mean_terms: float = Field(default=100.0, gt=0)
    seconds: float = Field(default=30.0, gt=0)
    workers: int = Field(default=8, gt=0, le=256)


def schema(dimensions: int) -> Any:
    """No field is nullable, so that NOT in a filter never meets a null."""
    made = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    key = {"max_length": KEY_CHARACTERS}
    made.add_field("id", DataType.VARCHAR, is_primary=True, **key)
    made.add_field("scope", DataType.VARCHAR, is_partition_key=True, **key)
    made.add_field("document", DataType.VARCHAR, **key)
    made.add_field("ordinal", DataType.INT64)
    made.add_field("chunk", DataType.VARCHAR, max_length=MAX_CHUNK_ID)
    made.add_field(
        "facts", DataType.ARRAY, element_type=DataType.INT64, max_capacity=MAX_FACTS
    )  # fmt: skip
    made.add_field("dense", DataType.FLOAT_VECTOR, dim=dimensions)
    made.add_field("terms", DataType.SPARSE_FLOAT_VECTOR)
    return made


def indexes(options: MilvusOptions, there: Collection[str], *, lite: bool) -> Any:
    """Those that a collection still lacks; each has the name of its field.

    On milvus-lite vectors are compared one by one: its HNSW loses hits of a filtered search
    without saying so. It has no index on arrays.
    """
    kind = "FLAT" if lite else options.index
    graph = {"M": 32, "efConstruction": 256} if kind == "HNSW" else {}
    wanted: dict[str, dict[str, Any]] = {
        "dense": {"index_type": kind, "metric_type": "IP", "params": graph},
        "terms": {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "IP"},
        "document": {"index_type": "INVERTED"},
    }
    if not lite:
        wanted["facts"] = {"index_type": "INVERTED"}
    made = MilvusClient.prepare_index_params()
    for field in wanted.keys() - there:
        made.add_index(field, index_name=field, **wanted[field])
    return made


def rows(scope: Scope, entries: Sequence[Entry], mean_terms: float) -> Iterator[dict[str, Any]]:
    """One row a chunk, in order."""
    of = scope_key(scope)
    for entry in entries:
        if not entry.chunks:
            continue
        facts = facts_of(entry.document.metadata)
        if len(facts) > MAX_FACTS:
            raise InvalidInput(
                f"{entry.document.id!r} has too much metadata for the milvus store: {len(facts):,} "
                f"facts, and an ARRAY field takes {MAX_FACTS:,}. Shorten its lists, or use another "
                "store.",
                param="metadata",
            )
        document = document_key(entry.document.id)
        for chunk, vector, terms in zip(entry.chunks, entry.vectors, entry.terms, strict=True):
            yield {
                "id": row_key(scope, chunk.id),
                "scope": of,
                "document": document,
                "ordinal": chunk.ordinal,
                "chunk": chunk.id,
                "facts": facts,
                "dense": vector.astype(np.float32),
                "terms": _sparse(terms, damped(terms.counts, terms.length, mean_terms)),
            }


def asked_terms(terms: TermVector, idf: Weights | None) -> dict[int, float]:
    """The query's side of the inner product; empty where no term is in the collection."""
    weights = terms.counts.astype(np.float32)
    if idf is not None:
        weights *= idf
    kept = weights > 0
    return _pairs(terms.ids[kept].tolist(), weights[kept].tolist())


def _sparse(terms: TermVector, weights: Weights) -> dict[int, float]:
    return _pairs(terms.ids.tolist(), weights.tolist()) or {NO_TERM: 1.0}


def _pairs(ids: list[int], weights: list[float]) -> dict[int, float]:
    return {min(term, LAST_TERM): weight for term, weight in zip(ids, weights, strict=True)}
