"""Bedplate's search as a retriever of LlamaIndex's: python retriever.py COLLECTION QUESTION."""

import os
import sys

import httpx
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode


class BedplateRetriever(BaseRetriever):
    """Passages of a collection, the best first; `filter` is an expression such as "price < 50"."""

    def __init__(
        self, url: str, key: str, collection: str, *, limit: int = 5, filter: str | None = None
    ) -> None:
        super().__init__()
        self._server = {
            "base_url": url,
            "headers": {"Authorization": f"Bearer {key}"},
            "timeout": 60,
        }
        self._body = {"collection": collection, "limit": limit}
        if filter:
            self._body["filter"] = filter

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        with httpx.Client(**self._server) as client:
            return _nodes(client.post("/api/search", json=self._asked(query_bundle)))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        async with httpx.AsyncClient(**self._server) as client:
            return _nodes(await client.post("/api/search", json=self._asked(query_bundle)))

    def _asked(self, query: QueryBundle) -> dict:
        return {**self._body, "query": query.query_str}


def _nodes(reply: httpx.Response) -> list[NodeWithScore]:
    reply.raise_for_status()
    return [
        NodeWithScore(
            node=TextNode(
                id_=hit["chunk_id"],
                text=hit["text"],
                metadata={
                    **hit["metadata"],
                    "document_id": hit["document_id"],
                    "source": hit["source"],
                },
            ),
            score=hit["score"],
        )
        for hit in reply.json()["hits"]
    ]


if __name__ == "__main__":
    collection, question = sys.argv[1:]
    retriever = BedplateRetriever(
        os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1").removesuffix("/v1"),
        os.environ.get("OPENAI_API_KEY", "none"),
        collection,
    )
    for found in retriever.retrieve(question):
        print(f"{found.metadata['document_id']}: {found.text}")
