"""Answers are given again to the same request, or one nearly the same, and to nobody else's."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.fixtures.told_model import (
    Outcome,
    ToldModel,
    broken_off,
    fails,
    heard,
    question,
    says,
    told,
)

from bedplate.domain.accounts import Account
from bedplate.domain.bills import Bill
from bedplate.domain.chat import (
    ChatRequest,
    Message,
    Note,
    Passage,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Hit
from bedplate.domain.tools import ToolSpec
from bedplate.embedders.protocol import Matrix
from bedplate.errors import UpstreamError
from bedplate.models.answer_cache import Caching
from bedplate.models.answer_shelf import ENTRY_BYTES
from bedplate.sections import AnswerCacheConfig

ACME = Account(TenantId("acme"), assistant="shop")


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


DEGREES = {"↑": 10.0, "↗": 11.0, "↘": 14.0, "→": 15.0, "↓": 25.0}


class Circle:
    """Texts as angles by the arrow at their end, which is no word of theirs."""

    fingerprint = "circle"
    dimensions = 2

    def __init__(self, *, broken: bool = False) -> None:
        self._broken = broken

    async def embed(self, texts: Sequence[str]) -> Matrix:
        if self._broken:
            raise UpstreamError("the embedder is down", provider="e")
        angles = np.radians([DEGREES.get(text[-1], 90.0) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def caching(
    model: ToldModel, clock: Clock | None = None, embedder: Circle | None = None, **settings: Any
) -> Caching:
    chosen = AnswerCacheConfig(**({"exact": True} | settings))
    return Caching("small", model, chosen, embedder or Circle(), now=clock or Clock())


def counting() -> ToldModel:
    """Says something else each time."""
    return told("m", *(says("Answer ", f"{at}.") for at in range(50)))


async def texts(model: Caching, *requests: ChatRequest) -> list[str]:
    return [(await heard(model, request))[0] for request in requests]


def passage(text: str) -> Passage:
    return Passage(1, Hit(DocumentId("d"), ChunkId("d#0"), 1.0, text, "t", "s", 0, len(text)))


async def test_the_same_request_gets_the_same_stream_free_and_marked() -> None:
    model, clock = counting(), Clock()
    cache = caching(model, clock)
    first = [event async for event in cache.stream(question())]
    clock.now = 12.0
    second = [event async for event in cache.stream(question(deadline=1e9))]

    assert len(model.requests) == 1
    assert second[:-1] == first[:-1] == [TextDelta("Answer "), TextDelta("0.")]
    _, end = await heard(cache)
    assert end.usage.cost_usd == Decimal(0)
    assert end.usage.input_tokens == 10
    [note] = end.notes
    assert (note.kind, note.model) == ("cache", "small")
    assert "12 s ago" in note.reason


@pytest.mark.parametrize(
    "other",
    [
        question("Why?"),
        question(temperature=0.5),
        question(max_output_tokens=9),
        question(seed=1),
        question(stop=("x",)),
        question(extra={"top_k": 3}),
        question(passages=(passage("one"),)),
        question(knowledge="k@1"),
        question(account=Account(TenantId("other"))),
        question(account=ACME),
        replace(question(), messages=(Message("system", "Be rude."), Message("user", "What?"))),
    ],
)
async def test_whatever_shapes_the_answer_or_belongs_to_another_is_another_request(
    other: ChatRequest,
) -> None:
    model = counting()

    assert await texts(caching(model), question(), other) == ["Answer 0.", "Answer 1."]


async def test_two_tenants_or_assistants_never_share_even_alike_questions() -> None:
    model = counting()
    cache = caching(model, semantic=0.5)
    accounts = [
        Account(TenantId("a"), assistant="x"),
        Account(TenantId("b"), assistant="x"),
        Account(TenantId("a"), assistant="y"),
    ]

    answers = await texts(cache, *(question("Hi ↑", account=account) for account in accounts))

    assert len(set(answers)) == 3
    again = await texts(cache, question("Hi! ↗", account=accounts[1]))
    assert again == ["Answer 1."]


async def test_access_keys_and_runs_of_one_assistant_share() -> None:
    one, two = replace(ACME, key="k1"), replace(ACME, key="k2", run="r", bill=Bill(Usage(9)))

    assert (
        len(set(await texts(caching(counting()), *(question(account=a) for a in (one, two))))) == 1
    )


@pytest.mark.parametrize(
    "outcome",
    [
        says("Cut", reason="length"),
        says("Cut", reason="content_filter"),
        Outcome(),
        Outcome((ToolCallDelta(0, "{}", "c", "f"),), reason="tool_calls"),
    ],
)
async def test_what_is_not_a_whole_answer_is_not_kept(outcome: Outcome) -> None:
    model = told("m", outcome)
    cache = caching(model)

    for _ in range(2):
        await heard(cache)

    assert len(model.requests) == 2


async def test_errors_and_answers_given_up_are_not_kept() -> None:
    model = told("m", fails(UpstreamError("down", provider="p"), "Half"), says("One", "Two"))
    cache = caching(model)

    await broken_off(cache)
    async with aclosing(cache.stream(question())) as events:
        await anext(events)
    await heard(cache)

    assert len(model.requests) == 3


async def test_requests_with_tools_are_kept_only_where_that_is_set() -> None:
    asked = question(tools=(ToolSpec("f"),))
    raw = question(extra={"tools": [{"type": "x"}]})

    assert len(set(await texts(caching(counting()), asked, asked, raw, raw))) == 4
    assert len(set(await texts(caching(counting(), tools=True), asked, asked))) == 1
    calls = told("m", Outcome((ToolCallDelta(0, "{}", "c", "f"),), reason="tool_calls"))
    cache = caching(calls, tools=True)
    assert [(await heard(cache, asked))[1].reason for _ in range(2)] == ["tool_calls"] * 2
    assert len(calls.requests) == 1


async def test_an_answer_of_another_model_is_not_kept_for_this_one() -> None:
    class Fallen(ToldModel):
        async def stream(self, request: ChatRequest) -> AsyncGenerator[Any]:
            async for event in super().stream(request):
                noted = (Note("fallback", "small", "down"),)
                yield event if isinstance(event, TextDelta) else replace(event, notes=noted)

    model = Fallen("m", [says("x")])
    cache = caching(model)
    for _ in range(2):
        await heard(cache)

    assert len(model.requests) == 2


async def test_answers_expire_and_the_least_used_go_first() -> None:
    clock = Clock()
    cache = caching(counting(), clock, seconds=60.0)
    await heard(cache)
    clock.now = 60.0
    assert await texts(cache, question()) == ["Answer 1."]

    model = counting()
    small = caching(model, max_bytes=3 * (ENTRY_BYTES + 1_000))
    wanted = [question(f"Q{at}") for at in range(4)]
    await texts(small, *wanted[:3], wanted[0], wanted[3])
    assert len(model.requests) == 4
    await texts(small, wanted[0])
    assert len(model.requests) == 4
    await texts(small, wanted[1])
    assert len(model.requests) == 5


async def test_an_endless_answer_is_not_gathered() -> None:
    model = told("m", says(*["x" * 100] * 100))
    cache = caching(model, max_bytes=10_000)

    for _ in range(2):
        await heard(cache)

    assert len(model.requests) == 2


async def test_a_change_of_a_collection_drops_what_rested_on_it() -> None:
    cache = caching(counting(), semantic=0.9)
    before = question("Hi ↑", knowledge="t/c@1 t/d@5", passages=(passage("x"),))
    after = replace(before, knowledge="t/c@2 t/d@5")

    assert await texts(cache, before, before, after, after) == [
        "Answer 0.",
        "Answer 0.",
        "Answer 1.",
        "Answer 1.",
    ]
    assert len(cache.shelf) == 1


async def test_a_question_nearly_the_same_gets_the_answer_to_it() -> None:
    model = counting()
    cache = caching(model, exact=False, semantic=0.99)

    answers = await texts(
        cache,
        question("Opening hours? ↑"),
        question("The opening hours? →"),
        question("Opening hours ↓"),
    )

    assert answers == ["Answer 0.", "Answer 0.", "Answer 1."]
    _, end = await heard(cache, question("Opening hours, please? ↘"))
    assert "cosine 0.99" in end.notes[0].reason


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Plans under 50 ↑", "Plans under 500 ↑"),
        ("Does it fly ↑", "Does it not fly ↑"),
        ("Is it safe ↑", "Isn't it safe ↑"),
        ("What came before the war ↑", "What came after the war ↑"),
        ("Who built the steam engine ↑", "Who built the diesel engine ↑"),
        ("Who was born there ↑", "When was she born there ↑"),
    ],
)
async def test_other_figures_contrasts_or_words_make_another_question(one: str, other: str) -> None:
    cache = caching(counting(), semantic=0.9)

    assert len(set(await texts(cache, question(one), question(other)))) == 2


async def test_passages_of_an_unknown_state_are_only_compared_exactly() -> None:
    cache = caching(counting(), semantic=0.9)
    one = question("Hi ↑", passages=(passage("x"),))
    near = question("Hi! ↗", passages=(passage("x"),))

    assert await texts(cache, one, near, one) == ["Answer 0.", "Answer 1.", "Answer 0."]


async def test_instructions_and_history_must_be_the_same_for_alike_questions() -> None:
    cache = caching(counting(), semantic=0.9)
    plain = ChatRequest((Message("system", "Brief."), Message("user", "Hi ↑")))
    told_else = ChatRequest((Message("system", "Long."), Message("user", "Hi ↗")))

    assert len(set(await texts(cache, plain, told_else))) == 2


async def test_an_embedder_that_fails_costs_only_the_comparison(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = caching(counting(), embedder=Circle(broken=True), semantic=0.9)

    assert await texts(cache, question("Hi ↑"), question("Hi ↑")) == ["Answer 0.", "Answer 0."]
    assert any("not compared" in record.message for record in caplog.records)
