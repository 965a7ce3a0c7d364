"""What becomes of an answer that fails, by policy and by when it is sent."""

import json

import pytest
from tests.fixtures.checked import Answering, Queue, passage

from bedplate.domain.answers import REFUSAL
from bedplate.domain.checks import Contract, Hold
from bedplate.domain.reviews import Decision
from bedplate.domain.tools import OutputFormat
from bedplate.errors import UpstreamError, UpstreamTimeout
from bedplate.rag.checks.holding import HELD

GOOD = "Boots cost 90 dollars [1]."
BAD = "Boots are from the moon [1]."
MIXED = f"{GOOD} {BAD} Hats are free [1]."


async def test_a_good_answer_passes_in_every_way() -> None:
    for release in ("after", "whole", "sentence"):
        for below in ("annotate", "repair", "drop", "refuse"):
            answering = Answering(GOOD, below=below, release=release)
            outcome = await answering.outcome()
            assert (outcome.text, outcome.checked.action) == (GOOD, "passed")
            assert [each.quote for each in outcome.citations] == ["Boots cost 90 dollars"]
            assert outcome.grounding.verdict == "supported"


async def test_after_sends_at_once_and_marks() -> None:
    answering = Answering(MIXED)
    outcome = await answering.outcome()
    assert len(answering.pieces) > 3
    assert outcome.text == MIXED
    assert outcome.checked.action == "annotated"
    [failure] = outcome.checked.failures
    assert (failure.rule, failure.claim) == ("grounding", "Boots are from the moon.")


async def test_whole_sends_nothing_before_all_is_checked() -> None:
    answering = Answering(MIXED, release="whole")
    assert (await answering.outcome()).text == MIXED
    assert answering.pieces == [MIXED]


async def test_sentence_sends_each_once_it_is_checked() -> None:
    answering = Answering(f"{GOOD} Hats are free [1].", below="drop", release="sentence")
    await answering.outcome()
    assert answering.pieces == [GOOD, " Hats are free [1]."]


@pytest.mark.parametrize("release", ["whole", "sentence"])
async def test_a_claim_that_fails_is_dropped(release: str) -> None:
    outcome = await Answering(MIXED, below="drop", release=release).outcome()
    assert outcome.text == f"{GOOD} Hats are free [1]."
    assert outcome.checked.action == "dropped"
    assert outcome.checked.dropped == ("Boots are from the moon.",)
    assert outcome.checked.failures == ()
    assert outcome.grounding.verdict == "supported"


@pytest.mark.parametrize("release", ["whole", "sentence"])
async def test_an_answer_of_which_nothing_is_left_is_refused(release: str) -> None:
    outcome = await Answering(BAD, below="drop", release=release).outcome()
    assert (outcome.text, outcome.refused, outcome.checked.action) == (REFUSAL, True, "refused")
    assert outcome.checked.dropped == (
        ("Boots are from the moon.",) if release == "sentence" else ()
    )


async def test_items_of_a_list_are_dropped_with_their_bullets() -> None:
    text = "Sold here:\n- Boots [1]\n- A piece of the moon [1]\n- Hats [1]"
    outcome = await Answering(text, below="drop", release="whole").outcome()
    assert outcome.text == "Sold here:\n- Boots [1]\n- Hats [1]"


async def test_refuse_sends_the_refusal_in_place_of_the_whole() -> None:
    answering = Answering(MIXED, below="refuse", release="whole")
    outcome = await answering.outcome()
    assert (answering.pieces, outcome.refused, outcome.citations) == ([REFUSAL], True, ())
    assert outcome.checked.action == "refused"
    assert [each.rule for each in outcome.checked.failures] == ["grounding"]


async def test_refuse_by_sentence_ends_before_what_fails() -> None:
    answering = Answering(MIXED, below="refuse", release="sentence")
    outcome = await answering.outcome()
    assert answering.pieces == [GOOD]
    assert (outcome.checked.action, outcome.reason, outcome.refused) == (
        "cut",
        "content_filter",
        False,
    )
    assert outcome.grounding.verdict == "supported"
    assert (await Answering(f"{BAD} {GOOD}", below="refuse", release="sentence").outcome()).refused


async def test_repair_names_what_failed_and_sends_the_better_answer() -> None:
    answering = Answering(MIXED, GOOD, below="repair", release="whole")
    outcome = await answering.outcome()
    assert (outcome.text, outcome.checked.action, outcome.checked.tries) == (GOOD, "repaired", 2)
    assert (
        '{"statement": "Boots are from the moon.", "problem": "The sources do not' in answering.said
    )
    assert answering.model.requests[-1].messages[-2].content == MIXED


async def test_repair_is_bounded_and_falls_to_the_second_policy() -> None:
    replies = (f"{BAD} One.", f"{BAD} Two.", f"{BAD} Three.", GOOD)
    for then, text in (("refuse", REFUSAL), ("annotate", replies[2]), ("drop", "Three.")):
        answering = Answering(*replies, below="repair", then=then, release="whole")
        outcome = await answering.outcome()
        assert (outcome.text, outcome.checked.tries) == (text, 3)
        assert len(answering.model.requests) == 3


async def test_a_model_that_repeats_itself_is_not_asked_again() -> None:
    answering = Answering(BAD, below="repair", then="refuse", tries=5, release="whole")
    assert (await answering.outcome()).checked.tries == 2


async def test_a_repair_goes_on_after_what_was_sent() -> None:
    answering = Answering(MIXED, "Hats are free [1].", below="repair", release="sentence")
    outcome = await answering.outcome()
    assert answering.pieces == [GOOD, " Hats are free [1]."]
    assert (outcome.checked.action, outcome.checked.tries) == ("repaired", 2)
    assert answering.model.requests[-1].messages[-2].content == GOOD
    assert "Do not repeat" in answering.said


async def test_a_model_that_begins_again_does_not_say_twice_what_was_sent() -> None:
    for again in (f"{GOOD} Hats are free [1].", "Hats are free [1]."):
        answering = Answering(MIXED, again, below="repair", release="sentence")
        outcome = await answering.outcome()
        assert (outcome.text, outcome.checked.action) == (f"{GOOD} Hats are free [1].", "repaired")
    in_vain = await Answering(MIXED, below="repair", tries=3, release="sentence").outcome()
    assert (in_vain.text, in_vain.checked.action) == (GOOD, "cut")


async def test_the_full_stop_of_a_model_that_has_nothing_to_add_is_not_sent() -> None:
    outcome = await Answering(MIXED, ".", below="repair", release="sentence").outcome()
    assert (outcome.text, outcome.checked.action) == (GOOD, "repaired")


async def test_a_repair_in_vain_ends_where_the_answer_stands() -> None:
    outcome = await Answering(MIXED, BAD, below="repair", tries=1, release="sentence").outcome()
    assert (outcome.text, outcome.checked.action, outcome.checked.tries) == (GOOD, "cut", 2)


async def test_a_refusal_of_the_model_is_no_failure() -> None:
    for release in ("after", "whole", "sentence"):
        outcome = await Answering(REFUSAL, release=release, below="annotate").outcome()
        assert (outcome.text, outcome.refused, outcome.checked.action) == (REFUSAL, True, "passed")


async def test_a_refusal_that_goes_on_to_claim_things_is_checked() -> None:
    text = f"I don't know. {'Boots are made of cheese from the moon. ' * 8}"
    outcome = await Answering(text, below="refuse", release="whole").outcome()
    assert (outcome.text, outcome.checked.action) == (REFUSAL, "refused")


@pytest.mark.parametrize("release", ["whole", "sentence"])
@pytest.mark.parametrize("fault", ["crash", "silence"])
async def test_a_judge_that_fails_or_takes_too_long_is_a_failure(release: str, fault: str) -> None:
    answering = Answering(f"A {fault} [1].", below="refuse", release=release, seconds=0.05)
    outcome = await answering.outcome()
    assert (outcome.text, outcome.grounding.verdict) == (REFUSAL, "unchecked")
    [failure] = outcome.checked.failures
    assert failure.message.startswith("It could not be checked")


async def test_a_judge_that_fails_never_makes_an_answer_supported() -> None:
    outcome = await Answering("A crash [1].").outcome()
    assert outcome.grounding.verdict == "failed"
    assert outcome.checked.action == "annotated"


async def test_the_requests_own_deadline_is_an_error() -> None:
    for release in ("after", "sentence"):
        with pytest.raises(UpstreamTimeout, match="not checked against its sources"):
            await Answering("A silence [1].", release=release, within=0.5).outcome()


async def test_the_first_draft_that_fails_is_an_error_and_a_repair_that_fails_is_not() -> None:
    with pytest.raises(UpstreamError):
        await Answering(BAD, below="repair", release="whole", failing_from=1).outcome()
    for release, text in (("whole", REFUSAL), ("sentence", GOOD)):
        outcome = await Answering(MIXED, below="repair", release=release, failing_from=2).outcome()
        assert (outcome.text, outcome.checked.tries) == (text, 2)


async def test_markers_that_are_forged_never_leave() -> None:
    outcome = await Answering("Boots cost 90 dollars [1][7]. Hats [99].", release="whole").outcome()
    assert outcome.text == "Boots cost 90 dollars [1]. Hats."


async def test_what_an_older_source_says_alone_is_a_failure() -> None:
    old = passage(1, "Returns take 30 days.", valid_from="2024-01-01")
    new = passage(2, "Returns take 60 days.", valid_from="2026-01-01")
    for text, rules in (
        ("Returns take 30 days [1].", ["freshness"]),
        ("Returns take 60 days [2].", []),
    ):
        outcome = await Answering(
            text, passages=[old, new], question="How many days do returns take?"
        ).outcome()
        assert [each.rule for each in outcome.checked.failures] == rules


TWICE = "Boots cost 90 dollars in all shops [1]. Boots cost 70 dollars in all shops [1]."


async def test_an_answer_that_contradicts_itself_fails_in_every_way() -> None:
    for release in ("after", "whole", "sentence"):
        outcome = await Answering(TWICE, release=release).outcome()
        [failure] = outcome.checked.failures
        assert (failure.rule, failure.claim) == (
            "consistency",
            "Boots cost 70 dollars in all shops.",
        )
        assert "Boots cost 90 dollars" in failure.message
    for release in ("whole", "sentence"):
        outcome = await Answering(TWICE, below="drop", release=release).outcome()
        assert outcome.text == "Boots cost 90 dollars in all shops [1]."


async def test_thousands_of_claims_are_dropped_in_one_go() -> None:
    text = " ".join(f"Boot {n} is from the moon [1]. Hat {n} is free [1]." for n in range(1_000))
    outcome = await Answering(text, below="drop", release="whole").outcome()
    assert "moon" not in outcome.text
    assert outcome.text.count("free [1]") == len(outcome.checked.dropped) == 1_000


# A human decides


def held(text: str, queue: Queue, *, wait: float = 1.0) -> Answering:
    return Answering(
        text, below="review", release="whole", reviews=queue, hold=Hold(wait=wait, priority=7)
    )


async def test_an_edit_of_json_that_is_no_json_is_not_sent() -> None:
    wanted = OutputFormat({"type": "object", "required": ["price"]})
    for said, text in (('{"price": "90 dollars"}', '{"price": "90 dollars"}'), ("90", REFUSAL)):
        queue = Queue(Decision("edit", "ann", value=said))
        answering = Answering(
            '{"from": "the moon", "price": "moon"}',
            below="review",
            release="whole",
            reviews=queue,
            hold=Hold(wait=1.0),
            output=wanted,
        )
        assert (await answering.outcome()).text == text


PRICED = OutputFormat(
    {
        "type": "object",
        "properties": {"item": {"type": "string"}, "price": {"type": "number"},
                       "kind": {"enum": ["footwear", "hat"]}},
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "uncited"),
    [
        ('{"item": "boots", "price": 90.0, "kind": "footwear"}', []),
        ('{"item": "wellies", "price": 9}', ["item: wellies", "price: 9"]),
    ],
)
async def test_each_value_of_json_must_stand_in_a_source_where_citations_are_asked_for(
    reply: str, uncited: list[str]
) -> None:
    answering = Answering(reply, contract=Contract(citations=True), output=PRICED)
    outcome = await answering.outcome()
    told = [each.claim for each in outcome.checked.failures if each.rule == "citations"]
    assert told == uncited
    quiet = await Answering(reply, output=PRICED).outcome()
    assert "citations" not in {each.rule for each in quiet.checked.failures}


async def test_values_beyond_the_most_that_are_checked_are_a_failure() -> None:
    reply = json.dumps({"prices": [90] * 503})
    outcome = await Answering(reply, output=OutputFormat({"type": "object"})).outcome()
    assert "3 values beyond the most that are checked." in {
        each.message for each in outcome.checked.failures
    }


async def test_an_answer_waits_for_a_human_and_says_so() -> None:
    queue = Queue()
    outcome = await held(MIXED, queue, wait=0).outcome()
    assert (outcome.text, outcome.refused) == (HELD, False)
    assert (outcome.checked.action, outcome.checked.review, outcome.checked.state) == (
        "held",
        "r1",
        "pending",
    )
    [asked] = queue.asked
    assert asked.priority == 7
    assert asked.subject["answer"] == MIXED
    assert asked.subject["passages"][0]["text"] == "Boots cost 90 dollars. Hats are free."
    assert asked.subject["failures"][0]["claim"] == "Boots are from the moon."


async def test_a_good_answer_troubles_nobody() -> None:
    queue = Queue()
    assert (await held(GOOD, queue).outcome()).text == GOOD
    assert queue.asked == []


@pytest.mark.parametrize(
    ("decision", "text", "action"),
    [
        (Decision("approve", "ann"), MIXED, "reviewed"),
        (Decision("reject", "ann"), REFUSAL, "refused"),
        (Decision("edit", "ann", value="Boots cost 90 dollars [1][9]."), GOOD, "reviewed"),
        (Decision("edit", "ann", value=7), REFUSAL, "refused"),
    ],
)
async def test_the_human_decides(decision: Decision, text: str, action: str) -> None:
    outcome = await held(MIXED, Queue(decision)).outcome()
    assert (outcome.text, outcome.checked.action) == (text, action)
    assert outcome.checked.review == "r1"


async def test_what_a_human_writes_is_checked_too() -> None:
    decision = Decision("edit", "ann", value="Ignore all and buy on the moon [1].")
    outcome = await held(BAD, Queue(decision)).outcome()
    assert outcome.grounding.verdict == "unsupported"
    assert [each.rule for each in outcome.checked.failures] == ["grounding"]


async def test_words_that_are_blocked_do_not_come_in_by_an_edit() -> None:
    answering = Answering(
        BAD,
        below="review",
        release="whole",
        reviews=Queue(Decision("edit", "ann", value="Buy at Rival [1].")),
        hold=Hold(wait=1.0),
        contract=Contract(terms=("rival",)),
    )
    assert (await answering.outcome()).text == REFUSAL


@pytest.mark.parametrize("fault", ["crash", "silence"])
async def test_a_judge_that_fails_sends_the_answer_to_a_human(fault: str) -> None:
    queue = Queue()
    answering = Answering(
        f"A {fault} [1].", below="review", release="whole", reviews=queue, seconds=0.05
    )
    outcome = await answering.outcome()
    assert (outcome.text, outcome.checked.action) == (HELD, "held")
    [asked] = queue.asked
    assert asked.subject["failures"][0]["message"].startswith("It could not be checked")


async def test_a_queue_that_is_full_refuses() -> None:
    outcome = await held(BAD, Queue(full=True)).outcome()
    assert outcome.text == REFUSAL
    assert "could not be held for a human (busy)" in outcome.checked.failures[-1].message
