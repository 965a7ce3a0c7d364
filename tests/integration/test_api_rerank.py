"""POST /v1/rerank, over a real socket."""

from pathlib import Path

from tests.fixtures.access import headers_of
from tests.fixtures.serving import serving

DOCUMENTS = ["a boat", "snow coat and boots", {"text": "a coat"}]


async def test_documents_come_in_the_order_of_the_query(tmp_path: Path) -> None:
    async with serving(tmp_path, reranker__use="terms") as served:
        body = {"model": "terms", "query": "snow coat", "documents": DOCUMENTS}
        answer = (await served.post("/v1/rerank", body)).json
        assert answer["model"] == "terms"
        assert [each["index"] for each in answer["results"]] == [1, 2, 0]
        scores = [each["relevance_score"] for each in answer["results"]]
        assert scores == sorted(scores, reverse=True)
        assert "document" not in answer["results"][0]
        short = {**body, "model": "default", "top_n": 1, "return_documents": True}
        (best,) = (await served.post("/v1/rerank", short)).json["results"]
        assert (best["index"], best["document"]) == (1, {"text": "snow coat and boots"})
        for wrong, status in (
            ({**body, "model": "other"}, 404),
            ({**body, "documents": []}, 400),
            ({**body, "top_n": 0}, 400),
            ({**body, "query": ""}, 400),
        ):
            assert (await served.post("/v1/rerank", wrong)).status == status
        for scope, status in (("ask", 200), ("read", 403)):
            headers = await headers_of(served, "ours", scope)
            assert (await served.post("/v1/rerank", body, headers=headers)).status == status


async def test_without_a_reranker_it_says_what_to_set(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        refused = await served.post("/v1/rerank", {"query": "x", "documents": ["y"]})
        assert (refused.status, refused.error["param"]) == (400, "model")
        assert "[reranker]" in refused.error["message"]
