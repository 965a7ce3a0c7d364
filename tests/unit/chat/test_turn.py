import asyncio
import logging

import pytest
from tests.fixtures.told_model import says, told

from bedplate.chat.turn import Turn
from bedplate.domain.chat import ChatRequest, Message
from bedplate.embedders import EMBEDDERS
from bedplate.errors import NotFound, UpstreamError
from bedplate.models.cascade import Cascade
from bedplate.models.cascade_checks import CascadeOptions
from bedplate.models.fallback import Member
from bedplate.models.scripted import ScriptedModel, ScriptedOptions


def turn(reply: str, **options: object) -> Turn:
    given = {"replies": [reply], "chunk_characters": 2, **options}
    return Turn({"small": ScriptedModel(ScriptedOptions.model_validate(given))}, seconds=20)


def asked(max_output_tokens: int | None = None) -> ChatRequest:
    return ChatRequest((Message("user", "Hi"),), max_output_tokens=max_output_tokens)


async def test_a_whole_reply_is_its_pieces_together() -> None:
    assert await turn("Hello there").text("small", asked(), most=11) == "Hello there"


async def test_a_reply_that_gets_too_long_ends_the_call() -> None:
    # It would fail after the tenth piece, which is never asked for.
    with pytest.raises(UpstreamError, match="'small' has more than 10 characters"):
        await turn("Hello there" * 100, fail_after=10).text("small", asked(), most=10)


async def test_a_reply_that_the_model_cut_off_is_an_error() -> None:
    with pytest.raises(UpstreamError, match=r"'small' was cut off \(length\)"):
        await turn("Hello there").text("small", asked(max_output_tokens=1), most=100)


async def test_an_unknown_model_is_not_found() -> None:
    with pytest.raises(NotFound, match="Did you mean 'small'"):
        await turn("x").text("smal", asked(), most=10)


async def test_a_deadline_of_the_request_holds() -> None:
    late = ChatRequest((Message("user", "Hi"),), deadline=asyncio.get_running_loop().time() - 1)
    with pytest.raises(UpstreamError, match="small|scripted"):
        await turn("x").text("small", late, most=10)


async def test_the_log_says_where_a_call_was_routed(caplog: pytest.LogCaptureFixture) -> None:
    small, large = told("small", says(" ")), told("large", says("Hello"))
    options = CascadeOptions(small="small", large="large")
    async with EMBEDDERS.load("hashing")({}) as embedder:
        cascade = Cascade(
            "c", Member("small", small), Member("large", large), options, embedder=embedder
        )
        with caplog.at_level(logging.INFO, "bedplate.chat.turn"):
            assert await Turn({"c": cascade}, seconds=20).text("c", asked(), most=10) == "Hello"
            assert await turn("Hello").text("small", asked(), most=10) == "Hello"
    routed, plain = caplog.records
    assert vars(routed)["routed"] == "large"
    assert "routed" not in vars(plain)
