"""Cohere's client against Bedplate's reranker."""

import os

import cohere

# Its clients put their own version of the path behind the address of the server.
server = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1").removesuffix("/v1")
key = os.environ.get("OPENAI_API_KEY", "none")
documents = ["The sky is blue.", "Refunds take 30 days."]
question = {"model": "default", "query": "How long do refunds take?", "documents": documents}

first = cohere.Client(key, base_url=server).rerank(**question, top_n=1)
print("rerank:", documents[first.results[0].index])

second = cohere.ClientV2(key, base_url=server).rerank(**question)
print("rerank v2:", [result.index for result in second.results])
