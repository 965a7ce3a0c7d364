"""Stores: indexes over the catalog. One file per adapter; this table is all that names them."""

from bedplate.registry import Registry
from bedplate.stores.protocol import OpenStore

STORES = Registry[OpenStore](
    "stores",
    {
        "sqlite": "bedplate.stores.sqlite:open_sqlite_store",
        "memory": "bedplate.stores.memory:open_memory_store",
        "pgvector": "bedplate.stores.pgvector:open_pgvector_store",
        "lancedb": "bedplate.stores.lancedb:open_lancedb_store",
        "milvus": "bedplate.stores.milvus:open_milvus_store",
        "pinecone": "bedplate.stores.pinecone:open_pinecone_store",
        "qdrant": "bedplate.stores.qdrant:open_qdrant_store",
        "weaviate": "bedplate.stores.weaviate:open_weaviate_store",
    },
    extras={
        "lancedb": "lancedb",
        "milvus": "milvus",
        "pinecone": "pinecone",
        "qdrant": "qdrant",
        "weaviate": "weaviate",
        "pgvector": "postgres",
    },
)

IN_CATALOG = {"sqlite": "sqlite", "pgvector": "postgres"}
"""Stores that search the catalog's own tables, and the catalog that each belongs to."""
