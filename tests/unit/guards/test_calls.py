"""What a model is asked, and what leaves of its answer, by the policy."""

import json

import pytest

from bedplate.chat.turn import Turn
from bedplate.domain.accounts import Account
from bedplate.domain.chat import (
    ChatRequest,
    Finished,
    Message,
    Passage,
    ReasoningDelta,
    TextDelta,
    TextPart,
    ToolCallDelta,
)
from bedplate.domain.guard import Finding
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Hit
from bedplate.domain.tools import CustomInput, OutputFormat, ToolCall, ToolSpec
from bedplate.errors import GuardBlocked, GuardFailed, InvalidInput
from bedplate.guards.calls import AT_ONCE, PiiCalls
from bedplate.guards.closed import FailsClosed
from bedplate.guards.outgoing import Outgoing
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.policy import Policy
from bedplate.guards.spans import Spans
from bedplate.models.metered import Metered
from bedplate.models.scripted import ScriptedModel, ScriptedOptions

GUARD = PatternGuard(TYPES)
BOTH = frozenset({"input", "output"})
CARD = "4111 1111 1111 1111"


def scripted(*replies, **options):
    given = {"replies": list(replies), "chunk_characters": 3, **options}
    return ScriptedModel(ScriptedOptions.model_validate(given))


def turn(model, policy, guard=GUARD, **tenants):
    return Turn(
        {"m": Metered(model, None, output_tokens=50)},
        seconds=20,
        guard=PiiCalls(guard, guard, policy, tenants),
    )


def says(text, **fields):
    return ChatRequest(
        (Message("system", "Mail shop@example.org."), Message("user", text)), **fields
    )


async def told(turn, request):
    events = [event async for event in turn.stream("m", request)]
    return "".join(e.text for e in events if isinstance(e, TextDelta)), events[-1]


async def test_the_model_sees_pseudonyms_and_the_user_the_values():
    model = scripted("Mailing [EMAIL_1] and [PHONE_1], not other@example.net.")
    request = says("I am jo@example.org, +44 20 7946 0958. jo@example.org!")
    text, end = await told(turn(model, Policy(BOTH, "pseudonym")), request)
    asked = model.requests[0]
    assert asked.messages[0] == request.messages[0]
    assert asked.messages[1].content == "I am [EMAIL_1], [PHONE_1]. [EMAIL_1]!"
    assert text == "Mailing jo@example.org and +44 20 7946 0958, not [EMAIL]."
    assert [note.reason for note in end.notes] == [
        "pii on input: EMAIL 2, PHONE 1",
        "pii on output: EMAIL 1",
    ]


async def test_everything_that_a_request_says_is_guarded():
    model = scripted("ok")
    hit = Hit(DocumentId("d"), ChunkId("d#0"), 1.0, "By jo@example.org", "T", "s", 0, 17)
    call = ToolCall("c1", "send", json.dumps({"to": "jo@example.org", "card": 4111111111111111}))
    request = ChatRequest(
        (
            Message("user", "a@b.example", parts=(TextPart("a@b.example"),)),
            Message("assistant", "", tool_calls=(call,)),
            Message("tool", f"paid {CARD}", tool_call_id="c1"),
            Message("tool", '{"n": 4111111111111111}', tool_call_id="c1"),
        ),
        passages=(Passage(1, hit),),
        asked="Who is a@b.example?",
        whole="jo@example.org",
    )
    await told(turn(model, Policy(BOTH, "pseudonym")), request)
    asked = model.requests[0]
    user, assistant, tool, data = asked.messages
    assert (user.content, user.parts) == ("[EMAIL_1]", (TextPart("[EMAIL_1]"),))
    assert json.loads(assistant.tool_calls[0].arguments) == {"to": "[EMAIL_2]", "card": "[CARD_1]"}
    assert (tool.content, data.content) == ("paid [CARD_1]", '{"n": "[CARD_1]"}')
    assert asked.passages[0].hit.text == "By [EMAIL_2]"
    assert (asked.asked, asked.whole) == ("Who is [EMAIL_1]?", "[EMAIL_2]")


async def test_a_later_turn_gets_the_pseudonyms_of_the_earlier_ones():
    model = scripted("one", "two")
    guarded = turn(model, Policy(BOTH, "pseudonym"))
    first = Message("user", "a@b.example or c@d.example")
    await told(guarded, ChatRequest((first,)))
    again = (
        first,
        Message("assistant", "c@d.example"),
        Message("user", "e@f.example, A@B.example"),
    )
    await told(guarded, ChatRequest(again))
    assert [m.content for m in model.requests[1].messages] == [
        "[EMAIL_1] or [EMAIL_2]", "[EMAIL_2]", "[EMAIL_3], [EMAIL_1]",
    ]  # fmt: skip


async def test_a_blocked_type_stops_the_request_before_the_model_and_the_answer_before_the_value():
    model = scripted(f"It is {CARD}, as you know.")
    policy = Policy(BOTH, "mask", {"CARD": "block"})
    with pytest.raises(GuardBlocked, match="CARD") as refused:
        await told(turn(model, policy), says(f"Use {CARD}"))
    assert refused.value.found == ("CARD",)
    assert CARD not in refused.value.message
    assert not model.requests
    text, end = await told(turn(model, policy), says("Which card?"))
    assert (text, end.reason) == ("It is ", "content_filter")
    assert end.usage.output_tokens > 0
    assert "CARD" in end.notes[-1].reason


async def test_a_policy_masks_hashes_keeps_and_allows_by_type_and_tenant():
    model = scripted("ok", "ok", "ok")
    policy = Policy(
        BOTH, "mask", {"PHONE": "keep", "EMAIL": "hash"}, frozenset({"@example.com"}), b"key"
    )
    own = Policy(frozenset({"output"}))
    text = "jo@example.org JO@example.org a@example.com +44 20 7946 0958 " + CARD
    guarded = turn(model, policy, acme=own)
    await told(guarded, says(text))
    words = model.requests[0].messages[1].content.split(" ")
    assert words[0] == words[1]
    assert words[0].startswith("[EMAIL:")
    assert " ".join(words[2:]) == "a@example.com +44 20 7946 0958 [CARD]"
    await told(guarded, says(text, account=Account(TenantId("acme"))))
    assert model.requests[1].messages[1].content == text
    await told(guarded, says("x " * AT_ONCE + CARD))
    assert model.requests[2].messages[1].content.endswith("x [CARD]")


async def test_a_request_that_holds_nothing_and_an_answer_nobody_guards_are_left_alone():
    model = scripted("Mail a@b.example.")
    request = says("Hello")
    text, end = await told(turn(model, Policy(frozenset({"input"}), "pseudonym")), request)
    assert (text, end.notes) == ("Mail a@b.example.", ())
    assert model.requests[0].messages == request.messages


async def test_token_probabilities_would_repeat_the_text():
    with pytest.raises(InvalidInput, match="logprobs"):
        await told(turn(scripted("x"), Policy(BOTH)), says("Hello", logprobs=1))


async def test_tool_calls_leave_with_the_values_and_as_json():
    arguments = {"to": "[EMAIL_1]", "cc": "x\u00e9@y.example", "n": 1}
    call = {"name": "send", "arguments": arguments}
    rule = {"tool_calls": [call, {**call, "arguments": json.dumps(arguments)}]}
    model = scripted(rules=[rule], chunk_characters=1)
    tools = (ToolSpec("send"),)
    request = says("I am jo@example.org", tools=tools)
    events = [e async for e in turn(model, Policy(BOTH, "pseudonym")).stream("m", request)]
    parts = [e for e in events if isinstance(e, ToolCallDelta)]
    for index in range(2):
        mine = [part for part in parts if part.index == index]
        assert (bool(mine[0].id), mine[0].name) == (True, "send")
        got = json.loads("".join(part.arguments for part in mine))
        assert got == {"to": "jo@example.org", "cc": "[EMAIL]", "n": 1}


async def test_the_text_of_a_custom_tool_is_guarded_as_text_both_ways():
    said = 'mail "[EMAIL_1]" and x@y.example {'
    model = scripted(
        rules=[{"tool_calls": [{"name": "sh", "arguments": said}]}], chunk_characters=1
    )
    held = ToolCall("c0", "sh", 'from jo@example.org "', custom=True)
    request = ChatRequest(
        (Message("user", "I am jo@example.org"), Message("assistant", "", tool_calls=(held,))),
        tools=(ToolSpec("sh", custom=CustomInput()),),
    )
    events = [e async for e in turn(model, Policy(BOTH, "pseudonym")).stream("m", request)]

    [sent] = model.requests[0].messages[1].tool_calls
    assert (sent.arguments, sent.custom) == ('from [EMAIL_1] "', True)
    parts = [e for e in events if isinstance(e, ToolCallDelta)]
    assert all(part.custom for part in parts)
    got = "".join(part.arguments for part in parts)
    assert got == 'mail "jo@example.org" and [EMAIL] {'


async def test_an_answer_in_json_stays_json():
    model = scripted('{"mail": "jo\\u0040example.org", "card": 4111111111111111}')
    request = says("Hello", output=OutputFormat())
    text, _ = await told(turn(model, Policy(BOTH)), request)
    assert json.loads(text) == {"mail": "[EMAIL]", "card": "[CARD]"}


def test_thoughts_are_a_text_of_their_own_and_signed_ones_go_whole_or_not_at_all():
    out = Outgoing(lambda before: Spans(GUARD.scan, before), lambda type, _: f"[{type}]")
    events = [
        *out.take(ReasoningDelta("Ask jo@exam")),
        *out.take(ReasoningDelta("ple.org")),
        *out.take(TextDelta("Done ")),
        *out.take(Finished("stop", None, "m", reasoning=[{"text": "jo@example.org", "sig": "x"}])),
    ]
    assert events[:-1] == [ReasoningDelta("Ask "), ReasoningDelta("[EMAIL]"), TextDelta("Done ")]
    assert events[-1].reasoning is None


class Broken:
    slow = False

    def find(self, text):
        raise RuntimeError(f"cannot read {text}")

    def scan(self, text, start):
        return [Finding("X", 0, 1)][start + 5]

    def finder(self, scan, before=""):
        return Spans(scan, before)

    scrub = find


async def test_a_guard_that_fails_lets_nothing_pass():
    model = scripted("Hello")
    broken = FailsClosed(Broken(), "guards.pii")
    with pytest.raises(GuardFailed, match=r"guards.pii failed \(RuntimeError\)") as failed:
        await told(turn(model, Policy(BOTH), broken), says("jo@example.org"))
    assert "jo@" not in failed.value.message
    assert not model.requests
    with pytest.raises(GuardFailed, match="IndexError"):
        await told(turn(model, Policy(frozenset({"output"})), broken), says("Hi"))
