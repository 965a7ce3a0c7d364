"""The hallucination rate over a real server, from answers to API and metric."""

from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.access import headers_of
from tests.fixtures.serving import SCRIPTED, Served, serving, until

PATH = "/api/evaluations/hallucination"
TEXT = "Refunds take 30 days."
MODEL = {
    **SCRIPTED,
    "rules": [
        {"match": "whale", "reply": "Whales sing opera in Vienna [1]."},
        {"match": "refund", "reply": "Refunds take 30 days [1]."},
    ],
}
SETTINGS: dict[str, Any] = {
    "models__default": MODEL,
    "guards__groundedness": {"use": "overlap"},
    "guards__injection__model": False,
}


async def ask(served: Served, question: str, headers: Any = None) -> None:
    body = {"collection": "c", "question": question}
    answer = await served.post("/api/ask", body, headers=headers)
    assert answer.status == 200, answer.body


async def test_each_answers_own_check_counts_by_assistant_model_and_collection(
    tmp_path: Path,
) -> None:
    shop = {"model": "default", "collections": ["c"]}
    async with serving(tmp_path, assistants__shop=shop, **SETTINGS) as served:
        assert (await served.get(PATH)).json["rates"] == []
        await served.post("/api/collections/c/documents", {"text": TEXT})
        await ask(served, "How long does a refund take?")
        await ask(served, "Where does a whale sing on days of refunds?")
        chat = {"model": "shop", "messages": [{"role": "user", "content": "refund days?"}]}
        assert (await served.post("/v1/chat/completions", chat)).status == 200

        report = (await served.get(f"{PATH}?by=assistant")).json
        found = {each["group"]: each for each in report["rates"]}
        assert {name: (e["judged"], e["unsupported"]) for name, e in found.items()} == {
            "": (2, 1),
            "shop": (1, 0),
        }
        assert found[""]["rate"] == 0.5
        assert (found[""]["low"], found[""]["high"]) == (
            pytest.approx(0.0945, abs=1e-4),
            pytest.approx(0.9055, abs=1e-4),
        )
        for by, group in (("collection", "c"), ("model", "default")):
            [each] = (await served.get(f"{PATH}?by={by}")).json["rates"]
            assert (each["group"], each["judged"], each["unsupported"]) == (group, 3, 1)
        await served.app.tracing.recorder.flush()
        scraped = (await served.get("/metrics")).body.decode()
        assert (
            'bedplate_hallucination_rate{bound="rate",by="collection",name="c"} 0.3333' in scraped
        )
        assert "bedplate_evaluations_waiting 0.0" in scraped
        # Each of the three answers makes one claim, and cites its passage.
        assert 'bedplate_citations_total{valid="true"} 2.0' in scraped
        assert 'bedplate_citations_total{valid="false"} 1.0' in scraped
        old = f"{PATH}?since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z"
        assert (await served.get(old)).json["rates"] == []
        assert (await served.get(f"{PATH}?by=planet")).status == 400


async def test_a_judge_of_its_own_looks_at_answers_later_and_each_tenant_sees_its_rate(
    tmp_path: Path,
) -> None:
    settings = {**SETTINGS, "evaluation__judge": {"use": "overlap", "threshold": 1.0}}
    async with serving(tmp_path, **settings) as served:
        ours, theirs = [
            await headers_of(served, name, "write", "ask", "admin") for name in ("ours", "theirs")
        ]
        await served.post("/api/collections/c/documents", {"text": TEXT}, headers=ours)
        await ask(served, "How long does a refund take?", ours)
        await until(lambda: not served.app.evaluation.waiting)
        [mine] = (await served.get(PATH, headers=ours)).json["rates"]
        assert mine["judged"] == 1
        assert (await served.get(PATH, headers=theirs)).json["rates"] == []


async def test_what_is_not_drawn_is_not_kept(tmp_path: Path) -> None:
    async with serving(tmp_path, evaluation__share=0.0, **SETTINGS) as served:
        await served.post("/api/collections/c/documents", {"text": TEXT})
        await ask(served, "How long does a refund take?")
        assert (await served.get(PATH)).json["rates"] == []
