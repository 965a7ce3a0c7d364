"""What every guard promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.chat import Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.guards import GROUNDING_GUARDS, PII_GUARDS

TEXTS = st.text() | st.lists(
    st.sampled_from(["jo@example.org", " ", "+1-202-555-0199", "é", "😀", "(", "[EMAIL]"])
).map("".join)


def passages(*texts):
    return [
        Passage(n, Hit(DocumentId("d"), ChunkId(f"d#{n}"), 1.0, text, "D", "d.txt", 0, len(text)))
        for n, text in enumerate(texts, 1)
    ]


@pytest.mark.parametrize("name", ["patterns"])
@given(text=TEXTS)
async def test_pii_findings_are_ordered_apart_and_replaced_by_their_type(name, text):
    async with PII_GUARDS.load(name)({}) as guard:
        findings = guard.find(text)
        scrubbed = guard.scrub(text)
    expected, position = [], 0
    for finding in findings:
        assert position <= finding.start < finding.end <= len(text)
        expected += [text[position : finding.start], f"[{finding.type}]"]
        position = finding.end
    assert scrubbed.findings == findings
    assert scrubbed.text == "".join(expected) + text[position:]


@pytest.mark.parametrize("name", ["patterns"])
async def test_a_plain_address_is_personal_data(name):
    async with PII_GUARDS.load(name)({}) as guard:
        assert guard.scrub("Write to jo@example.org, please.").text == "Write to [EMAIL], please."


@pytest.mark.parametrize("name", ["overlap"])
async def test_a_quotation_is_supported_and_an_invention_is_not(name):
    sources = passages("Tents are refunded within 30 days.", "Boots are waterproof.")
    async with GROUNDING_GUARDS.load(name)({}) as guard:
        good = await guard.check("When?", "Tents are refunded within 30 days [1].", sources)
        bad = await guard.check("When?", "Gift cards expire after 12 weeks [1].", sources)
        none = await guard.check("When?", "", sources)
    assert good.verdict == "supported"
    assert bad.verdict == "unsupported"
    assert bad.score < good.score
    assert (none.verdict, none.claims) == ("unchecked", ())


@pytest.mark.parametrize("name", ["overlap"])
@given(answer=st.text(), source=st.text())
async def test_a_grounding_scores_every_claim_and_its_weakest_decides(name, answer, source):
    async with GROUNDING_GUARDS.load(name)({}) as guard:
        got = await guard.check("", answer, passages(source))
    if got.claims:
        assert got.score == min(claim.score for claim in got.claims)
        assert (got.verdict == "supported") == all(claim.supported for claim in got.claims)
    else:
        assert got.verdict == "unchecked"
