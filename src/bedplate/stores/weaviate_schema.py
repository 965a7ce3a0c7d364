"""The one Weaviate collection that holds everything, and the objects in it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal
from uuid import UUID

from weaviate import WeaviateAsyncClient
from weaviate.classes.config import Configure, DataType, Property, Tokenization, VectorDistances
from weaviate.classes.config import StopwordsPreset as Stopwords
from weaviate.classes.data import DataObject
from weaviate.collections import CollectionAsync
from weaviate.exceptions import UnexpectedStatusCodeError

from bedplate.domain.ids import ChunkId
from bedplate.domain.retrieval import Scope
from bedplate.errors import ConfigError
from bedplate.state.protocol import Entry
from bedplate.stores.weaviate_filter import DOCUMENT, FACTS, facts, term
from bedplate.terms import K1, B, TermVector

CHUNK = "chunk"
ORDINAL = "ordinal"
TERMS = "terms"
VECTOR = "default"

Index = Literal["hnsw", "flat"]
Row = DataObject[dict[str, Any], None]
Rows = CollectionAsync[Any, Any]

# Weaviate takes gRPC messages of 10 MiB unless it is told otherwise.
MAX_BATCH_BYTES = 4 * 1024 * 1024
_OBJECT_BYTES = 256
_FACT_BYTES = 28


async def open_collection(
    client: WeaviateAsyncClient, name: str, *, index: Index, replicas: int
) -> Rows:
    """The collection, made if it is not there.

    Raises:
        ConfigError: one of that name is there that was made for something else.
    """
    if not await client.collections.exists(name):
        try:
            await _create(client, name, index, replicas)
        except UnexpectedStatusCodeError as error:
            # Another process may have been faster.
            if error.status_code != 422 or not await client.collections.exists(name):
                raise
    rows: Rows = client.collections.use(name)
    await _check(rows, name, index, replicas)
    return rows


async def _create(client: WeaviateAsyncClient, name: str, index: Index, replicas: int) -> None:
    vectors = Configure.VectorIndex
    make = vectors.hnsw if index == "hnsw" else vectors.flat
    await client.collections.create(
        name,
        description="Passages of Bedplate collections, one tenant each; made by Bedplate.",
        properties=_properties(),
        vector_config=Configure.Vectors.self_provided(
            name=VECTOR,
            # Compressed vectors would not be compared exactly; newer servers compress by default.
            vector_index_config=make(
                distance_metric=VectorDistances.COSINE, quantizer=vectors.Quantizer.none()
            ),
        ),
        # Terms have lost their stop words already, and these are no words.
        inverted_index_config=Configure.inverted_index(
            bm25_b=B, bm25_k1=K1, stopwords_preset=Stopwords.NONE
        ),
        multi_tenancy_config=Configure.multi_tenancy(
            enabled=True, auto_tenant_creation=True, auto_tenant_activation=True
        ),
        replication_config=Configure.replication(factor=replicas),
    )


def _properties() -> list[Property]:
    field, whitespace = Tokenization.FIELD, Tokenization.WHITESPACE
    return [
        _property(CHUNK, DataType.TEXT, field),
        _property(DOCUMENT, DataType.TEXT, field, filterable=True),
        _property(ORDINAL, DataType.INT, None, filterable=True),
        _property(FACTS, DataType.TEXT_ARRAY, field, filterable=True),
        _property(TERMS, DataType.TEXT, whitespace, searchable=True),
    ]


def _property(
    name: str,
    kind: DataType,
    tokens: Tokenization | None,
    *,
    filterable: bool = False,
    searchable: bool = False,
) -> Property:
    return Property(
        name=name,
        data_type=kind,
        tokenization=tokens,
        index_filterable=filterable,
        index_searchable=searchable,
    )


async def _check(rows: Rows, name: str, index: Index, replicas: int) -> None:
    found = await rows.config.get()
    wanted = {p.name: (p.dataType, p.tokenization) for p in _properties()}
    there = {p.name: (p.data_type, p.tokenization) for p in found.properties}
    if there != wanted or not found.multi_tenancy_config.enabled:
        raise ConfigError(
            f"The Weaviate collection {name!r} was not made by this version of Bedplate; give "
            "another name (collection), or delete it and ingest again."
        )
    vectors = (found.vector_config or {}).get(VECTOR)
    kind = vectors.vector_index_config.vector_index_type() if vectors else "none"
    factor = found.replication_config.factor
    if (kind, factor) != (index, replicas):
        raise ConfigError(
            f"The Weaviate collection {name!r} was made with index {kind!r} and {factor} replicas, "
            f"not {index!r} and {replicas}; configure those (index, replicas), or give another "
            "name (collection)."
        )


def tenant_of(scope: Scope) -> str:
    """A name that Weaviate takes, whatever the tenant and the collection are called."""
    return term("scope", scope.tenant, scope.collection)


def rows_of(entries: Iterable[Entry]) -> Iterator[Row]:
    for entry in entries:
        about = facts(entry.document.metadata)
        document = term(DOCUMENT, entry.document.id)
        for chunk, vector, terms in zip(entry.chunks, entry.vectors, entry.terms, strict=True):
            yield DataObject(
                properties={
                    CHUNK: chunk.id,
                    DOCUMENT: document,
                    ORDINAL: chunk.ordinal,
                    FACTS: about,
                    TERMS: words(terms),
                },
                uuid=object_id(chunk.id),
                vector={VECTOR: vector.tolist()},
            )


def object_id(chunk: ChunkId) -> UUID:
    """The same for the same chunk, so that a write done twice writes once."""
    return UUID(hex=f"{term(CHUNK, chunk):0<32}", version=5)


def words(terms: TermVector) -> str:
    """Each term's id as a word, as often as the term occurs."""
    pairs = zip(terms.ids.tolist(), terms.counts.tolist(), strict=True)
    return " ".join(f"{number:08x}" for number, count in pairs for _ in range(count))


def batches(rows: Iterable[Row], most: int) -> Iterator[Sequence[Row]]:
    """In order, of at most so many rows, and of not many more bytes than Weaviate takes."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        weight = _weight(row)
        if batch and (len(batch) == most or size + weight > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += weight
    if batch:
        yield batch


def _weight(row: Row) -> int:
    properties = row.properties
    vector: Any = row.vector
    return (
        _OBJECT_BYTES
        + len(properties[CHUNK]) * 4
        + len(properties[TERMS])
        + len(properties[FACTS]) * _FACT_BYTES
        + len(vector[VECTOR]) * 4
    )
