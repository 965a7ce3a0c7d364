"""An answer that is there whole leaves as it would have in pieces, however it is looked at."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.told_model import ToldModel, says

from bedplate.chat.turn import Turn
from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Message, TextDelta
from bedplate.domain.tools import OutputFormat
from bedplate.guards.answer_terms import AnswerTerms
from bedplate.guards.calls import PiiCalls
from bedplate.guards.injection_calls import Chained
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.policy import Policy
from bedplate.guards.protocol import CallGuard

GUARD = PatternGuard(TYPES)

words = st.sampled_from(
    ["rain ", "falls", "\n", "jo@example.org", "[EMAIL_1]", "4111 1111 1111 1111", " call ",
     "+44 20 7946 0958", '{"to": "jo@example.org"}', "é", ". "]
)  # fmt: skip
texts = st.lists(words, min_size=1, max_size=8).map("".join)
policies = st.builds(
    Policy,
    st.sampled_from([frozenset({"input"}), frozenset({"output"}), frozenset({"input", "output"})]),
    st.sampled_from(["mask", "pseudonym", "block", "keep", "hash"]),
)


@dataclass
class Whole(ToldModel):
    asks_whole = True


def guards(policy: Policy, *, chained: bool) -> CallGuard:
    pii = PiiCalls(GUARD, GUARD, policy, {})
    return Chained([pii, AnswerTerms(["falls"], 0, block=False)]) if chained else pii


async def told(guard: CallGuard, request: ChatRequest, *pieces: str) -> tuple[str, Finished]:
    turn = Turn({"m": Whole("m", [says(*pieces)])}, seconds=20, guard=guard)
    events = await turn.answer("m", request)
    end = events[-1]
    assert isinstance(end, Finished)
    return "".join(map(text_of, events)), end


def text_of(event: ChatEvent) -> str:
    return event.text if isinstance(event, TextDelta) else ""


@given(
    answer=texts,
    policy=policies,
    asked=st.sampled_from(["What?", "Write to jo@example.org."]),
    json=st.booleans(),
    chained=st.booleans(),
    at=st.integers(1, 40),
)
async def test_a_whole_answer_leaves_as_its_pieces_do(
    answer: str, policy: Policy, asked: str, json: bool, chained: bool, at: int
) -> None:
    if policy.mode == "block" and "input" in policy.on:
        asked = "What?"
    guard = guards(policy, chained=chained)
    request = ChatRequest((Message("user", asked),), output=OutputFormat() if json else None)
    pieces = [piece for piece in (answer[:at], answer[at:]) if piece]
    text, end = await told(guard, request, *pieces)
    whole, its_end = await told(guard, replace(request, whole_answer=True), answer)
    assert (whole, its_end.reason, its_end.notes) == (text, end.reason, end.notes)
