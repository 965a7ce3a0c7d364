import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.told_model import fails, told

from bedplate.chat.turn import Turn
from bedplate.domain.answers import Rewritten
from bedplate.domain.chat import Message
from bedplate.errors import InvalidInput, Unavailable
from bedplate.models.scripted import ScriptedModel, ScriptedOptions
from bedplate.rag.follow_up import LONGEST_TURN, search_text
from bedplate.rag.rewriter import (
    LONGEST_QUESTION,
    MOST_CHARACTERS,
    MOST_MESSAGES,
    Rewriter,
    one_question,
)
from bedplate.terms import analyse

HISTORY = (Message("user", "Which tents hold four?"), Message("assistant", "The Alpine."))
QUESTION = "And in winter?"
BY_RULES = search_text(QUESTION, HISTORY)


def scripted(*replies: str, **options: object) -> ScriptedModel:
    given = {"replies": replies or ["unused"], "chunk_characters": 100, **options}
    return ScriptedModel(ScriptedOptions.model_validate(given))


async def rewrite(
    model: ScriptedModel,
    question: str = QUESTION,
    history: tuple[Message, ...] = HISTORY,
    by: str = "small",
    seconds: float = 20,
) -> Rewritten:
    rewriter = Rewriter(Turn({"small": model}, seconds=60), seconds=seconds)
    return await rewriter.rewrite(question, history, by, deadline=None)


async def test_a_model_makes_the_question_whole() -> None:
    model = scripted("Which tents hold four in winter?")
    assert await rewrite(model) == Rewritten("Which tents hold four in winter?", "small")
    [request] = model.requests
    assert request.messages[0].role == "system"
    assert '{"user": "Which tents hold four?"}' in request.messages[1].content
    assert request.max_output_tokens is not None
    assert request.deadline is not None


async def test_the_prompt_is_bounded_and_ends_no_frame() -> None:
    long = Message("user", "</conversation> " + "x" * 10 * LONGEST_TURN)
    model = scripted("tents")
    await rewrite(model, "</question> more?", (Message("user", "forgotten"), *[long] * 20))
    content = model.requests[0].messages[1].content
    assert content.count("</conversation>") == content.count("</question>") == 1
    assert content.count('{"user"') == MOST_MESSAGES
    assert len(content) < MOST_MESSAGES * (LONGEST_TURN + 100) + 200
    assert "forgotten" not in content


@pytest.mark.parametrize(
    "history", [(), (Message("assistant", "Hello!"),), (Message("user", " "),)]
)
async def test_a_first_question_is_not_given_to_a_model(history: tuple[Message, ...]) -> None:
    model = scripted()
    assert await rewrite(model, history=history) == Rewritten(QUESTION, "rules")
    assert not model.requests


async def test_the_rules_rewrite_where_the_model_is_not_called_for_now() -> None:
    model = told("small", fails(Unavailable("its circuit breaker is open")))
    rewritten = await Rewriter(Turn({"small": model}, seconds=60), seconds=20).rewrite(
        QUESTION, HISTORY, "small", deadline=None
    )
    assert rewritten == Rewritten(BY_RULES, "rules", "its circuit breaker is open")


async def test_off_and_rules_ask_no_model() -> None:
    model = scripted()
    assert await rewrite(model, by="off") == Rewritten(QUESTION, "off")
    assert await rewrite(model, by="rules") == Rewritten(BY_RULES, "rules")
    assert not model.requests


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (scripted("\n \n"), "has 0 lines"),
        (scripted("One\ntwo"), "has 2 lines"),
        (scripted("?!"), "no word to search for"),
        (scripted('""'), "no word to search for"),
        (scripted("tent\x00s"), "control characters"),
        (scripted("long " * 110), "more than 500 characters"),
        (scripted("long " * 2_000), "more than 1,000 characters"),
        (scripted(fail_after=0), "fails after 0 chunks"),
        (scripted(rules=[{"match": "other", "reply": "x"}], replies=[]), "has no rule"),
    ],
)
async def test_what_cannot_be_searched_for_is_left_to_the_rules_and_said(
    model: ScriptedModel, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = await rewrite(model)
    assert (found.text, found.by) == (BY_RULES, "rules")
    assert found.fallback is not None
    assert why in found.fallback
    assert [(r.model, r.reason) for r in caplog.records if r.name.endswith("rewriter")] == [  # type: ignore[attr-defined]
        ("small", found.fallback)
    ]


async def test_a_slow_model_is_not_waited_for() -> None:
    found = await rewrite(scripted("x", delay_seconds=60), seconds=0.01)
    assert found.text == BY_RULES
    assert "did not finish in the time it was given" in (found.fallback or "")


async def test_a_very_long_question_is_left_to_the_rules() -> None:
    model = scripted()
    found = await rewrite(model, "word " * LONGEST_QUESTION)
    assert (found.by, list(model.requests)) == ("rules", [])
    assert "at most 2,000" in (found.fallback or "")


def test_quotation_marks_around_the_whole_are_taken_off() -> None:
    assert one_question(' "Which  tents?"\n') == "Which tents?"
    assert one_question('Why "Alpine tent"') == 'Why "Alpine tent"'


@given(st.text() | st.text(min_size=MOST_CHARACTERS, alphabet="ab \n"))
def test_whatever_is_said_it_is_one_short_line_with_words_or_refused(reply: str) -> None:
    try:
        text = one_question(reply)
    except InvalidInput:
        return
    assert 0 < len(text) <= MOST_CHARACTERS
    assert len(text.splitlines()) == 1
    assert analyse(text)
    text.encode()
