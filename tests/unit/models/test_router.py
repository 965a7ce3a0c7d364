"""The router sends each request to one of two models, and says why."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.told_model import ToldModel, fails, heard, question, says, told

from bedplate.config import ModelSlot
from bedplate.domain.accounts import Account
from bedplate.domain.chat import ChatRequest, ImagePart, Message, Note, TextPart
from bedplate.domain.ids import TenantId
from bedplate.domain.tools import OutputFormat, ToolSpec
from bedplate.embedders import EMBEDDERS
from bedplate.embedders.protocol import Matrix
from bedplate.errors import ConfigError, UpstreamError
from bedplate.lineup import open_lineup
from bedplate.models.fallback import Member
from bedplate.models.protocol import Bound, MeteredModel
from bedplate.models.route_file import shipped_head
from bedplate.models.route_scorer import Scored, scorer_of
from bedplate.models.router import Router, RouterOptions

TOOL = ToolSpec("find", "Finds.", {"type": "object"})


async def as_said(prompt: str) -> Scored:
    """A question is its own score."""
    return Scored(float(prompt), "as said")


def pair() -> tuple[ToldModel, ToldModel]:
    return told("small", says("little")), told("large", says("much"))


def router(small: ToldModel, large: ToldModel, **options: Any) -> Router:
    chosen = RouterOptions.model_validate({"small": "small", "large": "large", **options})
    return Router("r", Member("small", small), Member("large", large), chosen, as_said)


async def routed(request: ChatRequest, **options: Any) -> tuple[str, str]:
    """To which model a request goes, and why."""
    text, end = await heard(router(*pair(), **options), request)
    [note] = end.notes
    assert note.kind == "route"
    assert text == {"small": "little", "large": "much"}[note.model]
    return note.model, note.reason


async def test_a_hard_question_goes_to_the_large_model_and_an_easy_one_to_the_small() -> None:
    assert await routed(question("0.9")) == ("large", "score 0.900 is above 0.700 (as said)")
    assert await routed(question("0.1")) == ("small", "score 0.100 is not above 0.700 (as said)")


async def test_only_the_chosen_model_is_asked() -> None:
    small, large = pair()
    await heard(router(small, large), question("0.1"))
    assert (len(small.requests), len(large.requests)) == (1, 0)


TAGGED = question("0.1", extra={"metadata": {"tags": "legal, hard"}})
LISTED = question("0.1", extra={"metadata": {"tags": ["hard", 5]}})
PICTURE = ChatRequest((Message("user", "0.1", (TextPart("0.1"), ImagePart("https://x/y.png"))),))
FOR_SUPPORT = question("0.1", account=Account(assistant="support"))


@pytest.mark.parametrize(
    ("rule", "request_", "reason"),
    [
        ({"tags": ["hard"]}, TAGGED, "rule 1: tag 'hard'"),
        ({"tags": ["hard"]}, LISTED, "rule 1: tag 'hard'"),
        ({"assistants": ["support"]}, FOR_SUPPORT, "rule 1: assistant 'support'"),
        ({"min_characters": 3}, question("0.1"), "rule 1: 3 characters"),
        ({"max_characters": 3}, question("0.1"), "rule 1: 3 characters"),
        ({"tools": True}, question("0.1", tools=(TOOL,)), "rule 1: tools"),
        ({"tools": ["find"]}, question("0.1", tools=(TOOL,)), "rule 1: tool 'find'"),
        ({"output": True}, question("0.1", output=OutputFormat()), "rule 1: JSON wanted"),
        ({"images": True}, PICTURE, "rule 1: images"),
        (
            {"tags": ["hard"], "tools": False},
            TAGGED,
            "rule 1: tag 'hard', no tools",
        ),
    ],
)
async def test_a_rule_comes_before_the_score(
    rule: dict[str, Any], request_: ChatRequest, reason: str
) -> None:
    assert await routed(request_, rules=[{**rule, "to": "large"}]) == ("large", reason)


@pytest.mark.parametrize(
    "rule",
    [
        {"tags": ["easy"]},
        {"assistants": ["sales"]},
        {"min_characters": 4},
        {"max_characters": 2},
        {"tools": True},
        {"tools": ["find"]},
        {"output": True},
        {"images": True},
        {"tags": ["hard"], "tools": True},
    ],
)
async def test_a_rule_with_a_condition_that_does_not_hold_decides_nothing(
    rule: dict[str, Any],
) -> None:
    model, reason = await routed(TAGGED, rules=[{**rule, "to": "large"}])
    assert model == "small"
    assert reason.startswith("score")


async def test_the_first_rule_that_fits_decides() -> None:
    rules = [
        {"to": "small", "min_characters": 100},
        {"to": "small", "tools": True},
        {"to": "large", "tools": True},
    ]
    found = await routed(question("0.9", tools=(TOOL,)), rules=rules)
    assert found == ("small", "rule 2: tools")


async def test_tools_and_json_go_to_the_large_model_unless_it_is_set_otherwise() -> None:
    tools, output = question("0.1", tools=(TOOL,)), question("0.1", output=OutputFormat())
    assert await routed(tools) == ("large", "the request has tools")
    assert await routed(output) == ("large", "the request wants JSON")
    assert (await routed(tools, tools="small"))[0] == "small"
    assert (await routed(output, output="score"))[1].startswith("score")


@pytest.mark.parametrize(("share", "model"), [(0, "small"), (1, "large")])
async def test_all_or_nothing_needs_no_score(share: int, model: str) -> None:
    assert await routed(question("no number"), share=share) == (model, f"share is {share}")


async def test_a_wanted_cost_is_kept_once_costs_are_known() -> None:
    one = router(*pair(), usd=0.02)
    seen: list[str] = []
    for n in range(60):
        _, end = await heard(one, question(f"{(n * 37 % 100) / 100}"))
        seen.append(end.notes[0].model)
    # Both cost the same and less than is wanted: the large one costs nothing more.
    assert seen[-20:] == ["large"] * 20
    assert "small" in seen[:20]


async def test_tenants_are_told_apart() -> None:
    one = router(*pair(), share=0.5)
    for _ in range(30):
        await heard(one, question("0.9", account=Account(TenantId("a"))))
    _, end = await heard(one, question("0.8", account=Account(TenantId("a"))))
    assert end.notes[0].model == "small"
    _, end = await heard(one, question("0.8", account=Account(TenantId("b"))))
    assert end.notes[0].model == "large"


async def test_the_failure_of_the_chosen_model_is_the_routers() -> None:
    _, large = pair()
    small = told("small", fails(UpstreamError("down", provider="p")))
    with pytest.raises(UpstreamError, match="down"):
        await heard(router(small, large), question("0.1"))
    assert not large.requests


def test_the_bound_is_that_of_the_dearer() -> None:
    small, large = pair()
    assert router(small, large).bound(question()) == Bound(100, large.bound(question()).usd)


@asynccontextmanager
async def lineup(**options: Any) -> AsyncGenerator[MeteredModel]:
    scripted = ModelSlot.model_validate({"use": "scripted", "replies": ["Fine."]})
    slots = {
        "one": scripted,
        "two": scripted,
        "r": ModelSlot.model_validate({"use": "router", "small": "one", "large": "two", **options}),
    }
    async with (
        EMBEDDERS.load("hashing")({}) as embedder,
        open_lineup(slots, embedder=embedder) as models,
    ):
        yield models["r"]


async def test_the_shipped_head_sends_a_greeting_to_the_small_model() -> None:
    async with lineup() as model:
        _, end = await heard(model, question("hi"))
    [note] = end.notes
    assert isinstance(note, Note)
    assert note.model == "one"
    assert note.reason.endswith("(unlike known prompts, so ranked by length)")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"share": 1.5}, "models.r.share"),
        ({"rules": [{"to": "large"}]}, "a rule needs a condition"),
        ({"rules": [{"to": "huge", "tools": True}]}, "models.r.rules.0.to"),
        ({"usd": 0.1, "recovered": 0.5}, "two aims"),
        ({"recovered": 0.5}, "needs a head of your own"),
        ({"head": "nowhere.npz"}, "nowhere.npz' cannot be read"),
        ({"head_sha256": "0" * 64}, "head_sha256 is of a head"),
    ],
)
async def test_a_wrong_setting_is_named_at_the_start(
    options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        async with lineup(**options):
            pass


async def test_a_file_that_is_no_head_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "head.npz"
    path.write_bytes(b"not a head")
    with pytest.raises(ConfigError, match="is no head of a router"):
        async with lineup(head=str(path)):
            pass
    with pytest.raises(ConfigError, match="has SHA-256 .*, not the expected 000"):
        async with lineup(head=str(path), head_sha256="0" * 64):
            pass


class Broken:
    """An embedder that counts how often it is asked, and always fails."""

    dimensions = 384

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.asked = 0

    async def embed(self, texts: Sequence[str]) -> Matrix:
        self.asked += 1
        raise UpstreamError("down", provider="p")


async def test_an_embedder_that_fails_costs_the_vector_and_not_the_answer() -> None:
    head = shipped_head()
    broken = Broken(head.fingerprint)
    scored = await scorer_of(head, broken)("Why?")
    assert scored.reason.endswith("without a vector: upstream_error: down")
    assert scored.score == (await scorer_of(head, None)("Why?")).score
    assert broken.asked == 1


async def test_an_embedder_that_the_head_does_not_know_is_not_asked() -> None:
    other = Broken("another")
    scored = await scorer_of(shipped_head(), other)("word " * 2_000)
    assert other.asked == 0
    assert scored.score > 0.9
