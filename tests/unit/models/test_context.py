"""Requests are fitted to what a model takes, and a provider's refusal for length has one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.told_model import ToldModel, fails, heard, says, told

from bedplate.domain.chat import ChatRequest, Message, Usage
from bedplate.domain.tools import ToolCall
from bedplate.errors import ContextOverflow, UpstreamError
from bedplate.models.compaction import compacted
from bedplate.models.context import Fitting, Overflow, TokenRatio
from bedplate.models.context_wordings import Overflowed, overflowed
from bedplate.models.tokens import request_tokens

LONG = "word " * 300
"""500 tokens, as they are estimated."""


def turn(role: str, text: str = LONG) -> Message:
    return Message(role, text)  # type: ignore[arg-type]


def talk(*messages: Message, **fields: object) -> ChatRequest:
    return ChatRequest(messages, **fields)  # type: ignore[arg-type]


def fitting(
    model: ToldModel, window: int | None = 1_000, overflow: Overflow = "compact"
) -> Fitting:
    return Fitting("small", model, window=window, overflow=overflow)


def refusal(message: str, reason: str | None = None, status: int | None = 400) -> UpstreamError:
    return UpstreamError(message, provider="p", status=status, reason=reason)


async def test_what_fits_is_sent_as_it_is() -> None:
    model = told("m", says("Fine."))
    request = talk(turn("user"))

    _, end = await heard(fitting(model, overflow="refuse"), request)

    assert model.requests == [request]
    assert end.notes == ()


async def test_what_is_too_long_is_refused_with_both_numbers_and_without_a_call() -> None:
    model = told("m", says("Fine."))

    with pytest.raises(ContextOverflow, match=r"1,\d\d\d tokens .*'small' takes 1,000") as caught:
        await heard(fitting(model, overflow="refuse"), talk(turn("user"), turn("user")))

    assert caught.value.limit == 1_000
    assert (caught.value.tokens or 0) > 1_000
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert not model.requests


async def test_the_answer_needs_room_as_well() -> None:
    request = talk(turn("user"), max_output_tokens=900)

    with pytest.raises(ContextOverflow):
        await heard(fitting(told("m", says("x")), overflow="refuse"), request)


async def test_the_oldest_turns_go_whole_and_a_note_says_so() -> None:
    model = told("m", says("Fine."))
    rules, last = turn("system", "Be brief."), turn("user", "And now?")
    call = Message("assistant", "", tool_calls=(ToolCall("c1", "look", "{}"),))
    result = Message("tool", LONG, tool_call_id="c1")
    recent = (turn("user", "Hello"), turn("assistant", "Hi"))

    _, end = await heard(
        fitting(model, window=800), talk(rules, turn("user"), call, result, *recent, last)
    )

    assert model.requests[0].messages == (rules, *recent, last)
    [note] = end.notes
    assert (note.kind, note.model) == ("context", "small")
    assert "3 oldest messages" in note.reason


async def test_the_last_turn_is_never_cut() -> None:
    model = told("m", says("Fine."))

    with pytest.raises(ContextOverflow):
        await heard(fitting(model), talk(turn("user", "Hi"), turn("user", LONG * 4)))

    assert not model.requests


@pytest.mark.parametrize("window", [None, 2_000])
async def test_a_refusal_for_length_is_compacted_once_where_that_is_allowed(
    window: int | None,
) -> None:
    said = refusal(
        "This model's maximum context length is 900 tokens. However, you requested 1200 tokens."
    )
    model = told("m", fails(said), says("Fine."))
    last = turn("user", "And now?")

    text, end = await heard(fitting(model, window), talk(turn("user"), turn("assistant"), last))

    assert text == "Fine."
    assert [len(request.messages) for request in model.requests] == [3, 1]
    assert model.requests[-1].messages == (last,)
    assert [note.kind for note in end.notes] == ["context"]

    stubborn = told("m", fails(said))
    with pytest.raises(ContextOverflow) as caught:
        await heard(fitting(stubborn, None), talk(turn("user"), last))
    assert (caught.value.tokens, caught.value.limit) == (1_200, 900)
    assert len(stubborn.requests) == 2


async def test_a_refusal_for_length_is_never_passed_on_raw() -> None:
    raw = refusal("openai at http://secret: prompt too big", reason="context_length_exceeded")

    with pytest.raises(ContextOverflow) as caught:
        await heard(fitting(told("m", fails(raw)), None, "refuse"), talk(turn("user", "Hi")))

    assert "secret" not in caught.value.message
    assert caught.value.limit is None


async def test_another_refusal_stays_what_it_is() -> None:
    with pytest.raises(UpstreamError, match="temperature"):
        await heard(
            fitting(told("m", fails(refusal("temperature is too high")))), talk(turn("user"))
        )


async def test_reported_tokens_make_the_estimate_better() -> None:
    request = talk(turn("user"), turn("user"))
    counted = request_tokens(request) // 2
    model = told("m", says("Fine."))
    model.usage = Usage(counted, 5)
    learning = fitting(model, window=request_tokens(request) + 300, overflow="refuse")
    for _ in range(40):
        await heard(learning, request)
    assert learning.ratio.value == pytest.approx(0.5, abs=0.02)

    longer = talk(*request.messages, turn("user"))
    await heard(learning, longer)

    assert model.requests[-1] == longer


async def test_estimated_tokens_teach_nothing() -> None:
    model = told("m", says("Fine."))
    model.usage = Usage(1, 5, estimated=True)
    learning = fitting(model)

    await heard(learning, talk(turn("user")))

    assert learning.ratio.value == 1.0


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=50))
def test_the_ratio_stays_within_reason(counts: list[int]) -> None:
    ratio = TokenRatio()
    for counted in counts:
        ratio.learn(1_000, counted)
    assert 0.2 <= ratio.value <= 4.0


ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool"])


@given(st.lists(ROLES, max_size=20), st.integers(0, 20))
def test_whatever_is_left_out_instructions_and_the_last_turn_stay(
    roles: list[str], most: int
) -> None:
    messages = tuple(turn(role, str(at)) for at, role in enumerate(roles))

    shorter, dropped = compacted(talk(*messages), lambda request: len(request.messages) <= most)

    kept = shorter.messages
    assert sorted([*kept, *dropped], key=messages.index) == list(messages)
    assert all(message.role not in ("system", "developer") for message in dropped)
    spoken = [message for message in kept if message.role not in ("system", "developer")]
    users = [at for at, message in enumerate(messages) if message.role == "user"]
    assert set(messages[users[-1] if users else len(messages) :]) <= set(kept)
    if dropped:
        assert spoken[0].role == "user", "a turn was torn"


@pytest.mark.parametrize(
    ("message", "tokens", "limit"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in "
            "9001 tokens. Please reduce the length of the messages.",
            9001,
            8192,
        ),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
            "(4000 in the messages, 1000 in the completion).",
            5000,
            4096,
        ),
        ("prompt is too long: 210000 tokens > 200000 maximum", 210_000, 200_000),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease",
            210_000,
            200_000,
        ),
        (
            "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
            5000,
            4096,
        ),
        (
            "You passed 5000 input tokens and requested 100 output tokens. However, the model's "
            "context length is only 4096 tokens.",
            5100,
            4096,
        ),
        (
            "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing",
            5000,
            4096,
        ),
        (
            "the request exceeds the available context size. try increasing the context size",
            None,
            None,
        ),
        ("Requested tokens (600) exceed context window of 512", 600, 512),
        (
            "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
            5000,
            4096,
        ),
        (
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
            "requested a total of 5000 tokens",
            5000,
            4096,
        ),
        (
            "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
            40_000,
            32_768,
        ),
        (
            "The input token count (1,200,000) exceeds the maximum number of tokens allowed "
            "(1,048,576).",
            1_200_000,
            1_048_576,
        ),
        (
            "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 8000 `inputs` tokens and 500 "
            "`max_new_tokens`",
            8500,
            8193,
        ),
        (
            "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000",
            5000,
            4081,
        ),
        ("Input is too long for requested model.", None, None),
        ("Your input exceeds the context window of this model.", None, None),
    ],
)
def test_providers_wordings_are_known(message: str, tokens: int | None, limit: int | None) -> None:
    assert overflowed(refusal(f"The model 'm' at http://x: {message}")) == Overflowed(tokens, limit)


@pytest.mark.parametrize("code", ["context_length_exceeded", "exceed_context_size_error"])
def test_a_code_is_enough(code: str) -> None:
    assert overflowed(refusal("anything", reason=code, status=500)) == Overflowed(None, None)


@pytest.mark.parametrize(
    "error",
    [
        refusal("temperature is too high"),
        refusal("max_tokens must be at least 1"),
        refusal("maximum context length is 4096", status=503),
        refusal("maximum context length is 4096", status=429),
    ],
)
def test_other_refusals_are_not_taken_for_it(error: UpstreamError) -> None:
    assert overflowed(error) is None
