"""Bedplate's search as a retriever of LangChain's: python retriever.py COLLECTION QUESTION."""

import os
import sys

import httpx
from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever


class BedplateRetriever(BaseRetriever):
    """Passages of a collection, the best first; `filter` is an expression such as "price < 50"."""

    url: str = "http://127.0.0.1:8420"
    key: str = "none"
    collection: str
    limit: int = 5
    filter: str | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        with httpx.Client(**self._server()) as client:
            return self._documents(client.post("/api/search", json=self._body(query)))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        async with httpx.AsyncClient(**self._server()) as client:
            return self._documents(await client.post("/api/search", json=self._body(query)))

    def _server(self) -> dict:
        return {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {self.key}"},
            "timeout": 60,
        }

    def _body(self, query: str) -> dict:
        body = {"collection": self.collection, "query": query, "limit": self.limit}
        return body | ({"filter": self.filter} if self.filter else {})

    def _documents(self, reply: httpx.Response) -> list[Document]:
        reply.raise_for_status()
        return [
            Document(
                id=hit["chunk_id"],
                page_content=hit["text"],
                metadata={
                    **hit["metadata"],
                    "document_id": hit["document_id"],
                    "source": hit["source"],
                    "score": hit["score"],
                },
            )
            for hit in reply.json()["hits"]
        ]


if __name__ == "__main__":
    collection, question = sys.argv[1:]
    retriever = BedplateRetriever(
        url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1").removesuffix("/v1"),
        key=os.environ.get("OPENAI_API_KEY", "none"),
        collection=collection,
    )
    for found in retriever.invoke(question):
        print(f"{found.metadata['document_id']}: {found.page_content}")
