"""Bedplate's search as a retriever of Haystack's: python retriever.py COLLECTION QUESTION."""

import os
import sys

import httpx
from haystack import Document, Pipeline, component


@component
class BedplateRetriever:
    """Passages of a collection, the best first; `filter` is an expression such as "price < 50"."""

    def __init__(
        self, url: str, key: str, collection: str, limit: int = 5, filter: str | None = None
    ) -> None:
        self.url, self.key, self.collection = url, key, collection
        self.limit, self.filter = limit, filter

    @component.output_types(documents=list[Document])
    def run(self, query: str) -> dict[str, list[Document]]:
        body = {"collection": self.collection, "query": query, "limit": self.limit}
        reply = httpx.post(
            f"{self.url}/api/search",
            json=body | ({"filter": self.filter} if self.filter else {}),
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=60,
        )
        reply.raise_for_status()
        documents = [
            Document(
                id=hit["chunk_id"],
                content=hit["text"],
                meta={
                    **hit["metadata"],
                    "document_id": hit["document_id"],
                    "source": hit["source"],
                },
                score=hit["score"],
            )
            for hit in reply.json()["hits"]
        ]
        return {"documents": documents}


if __name__ == "__main__":
    collection, question = sys.argv[1:]
    pipeline = Pipeline()
    pipeline.add_component(
        "retriever",
        BedplateRetriever(
            os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1").removesuffix("/v1"),
            os.environ.get("OPENAI_API_KEY", "none"),
            collection,
        ),
    )
    for found in pipeline.run({"retriever": {"query": question}})["retriever"]["documents"]:
        print(f"{found.meta['document_id']}: {found.content}")
