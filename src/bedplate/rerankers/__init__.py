"""Rerankers: query and texts to scores. One file per adapter; this table is all that names them."""

from bedplate.registry import Registry
from bedplate.rerankers.protocol import OpenReranker

RERANKERS = Registry[OpenReranker](
    "rerankers",
    {
        "cross_encoder": "bedplate.rerankers.cross_encoder:open_cross_encoder",
        "http": "bedplate.rerankers.http:open_http_reranker",
        "terms": "bedplate.rerankers.terms:open_terms_reranker",
    },
)
