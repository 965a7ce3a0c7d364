"""What the pattern guard finds, what it leaves alone, and that scrubbing settles at once."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from pydantic import ValidationError

from bedplate.guards.pii import PatternGuard, fold, open_pattern_guard
from bedplate.guards.spans import Spans, joined

TYPES = ("KEY", "IBAN", "CARD", "SSN", "EMAIL", "IP", "PHONE")
GUARD = PatternGuard(TYPES)

# Numbers that standards, issuers and registries set aside for examples; tokens are made up.
PLANTED = [
    ("EMAIL", "jane.o'neil+news@mail.example.co.uk"),
    ("EMAIL", "юля@пример.рф"),
    ("PHONE", "+44 20 7946 0958"),
    ("PHONE", "+49 30 901820"),
    ("PHONE", "+4930901820"),
    ("PHONE", "+33 1 42685300"),
    ("PHONE", "+1-202-555-0199"),
    ("PHONE", "+41 (0)44 668 18 00"),
    ("PHONE", "(202) 555-0143"),
    ("PHONE", "202-555-0143 ext. 12"),
    ("PHONE", "030 23125 000"),
    ("CARD", "4111 1111 1111 1111"),
    ("CARD", "5555555555554444"),
    ("CARD", "3782-822463-10005"),
    ("IBAN", "GB82 WEST 1234 5698 7654 32"),
    ("IBAN", "de89370400440532013000"),
    ("SSN", "123-45-6789"),
    ("IP", "203.0.113.77"),
    ("IP", "2001:db8::8a2e:370:7334"),
    ("KEY", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("KEY", "ghp_" + "a1B2c3D4" * 5),
    ("KEY", "sk-" + "a1B2c3D4" * 5),
    ("KEY", "xoxb-" + "1234567890-abcdef"),
    ("KEY", "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl"),
]


def found(text):
    return [(finding.type, text[finding.start : finding.end]) for finding in GUARD.find(text)]


@pytest.mark.parametrize(("type", "value"), PLANTED)
@pytest.mark.parametrize("around", ["{}", "We have {}.", "x ({}), y", '"{}"', "a\n{}\nb"])
def test_a_value_is_found_exactly_whatever_the_punctuation_around_it(type, value, around):
    assert found(around.format(value)) == [(type, value)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Call me on 782 2652 today", [("PHONE", "782 2652")]),
        ("2813882583 mobile", [("PHONE", "2813882583")]),
        ("my SSN is 123456789", [("SSN", "123456789")]),
        ("card 4222222222222 was charged", [("CARD", "4222222222222")]),
        ("server at 1.2.3.4", [("IP", "1.2.3.4")]),
        ("api_key = 'Zx81kQp0Lm42Vn7sTy'", [("KEY", "Zx81kQp0Lm42Vn7sTy")]),
        ("Authorization: Bearer Zx81kQp0Lm42Vn7sTy", [("KEY", "Zx81kQp0Lm42Vn7sTy")]),
        ("password: hunter2!", [("KEY", "hunter2!")]),
        ("postgres://app:s3cret@db.example/x", [("KEY", "s3cret@db.example")]),
        ("12 4111111111111111 1", [("CARD", "4111111111111111")]),
        ("1234 4111 1111 1111 1111", [("CARD", "4111 1111 1111 1111")]),
        ("4111111111111111 " * 20, [("CARD", "4111111111111111")] * 20),
        ("GB82WEST12345698765432 " * 9, [("IBAN", "GB82WEST12345698765432")] * 9),
        ("IBAN GB82WEST12345698765432 and more", [("IBAN", "GB82WEST12345698765432")]),
    ],
)
def test_words_nearby_and_checksums_decide_what_is_found(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "It costs $1,299.00 or 1.299,00 EUR; 4 for 5,000.",
        "Order 4111111111111112 shipped",
        "Order no. 100-200-3000000 and SKU AB-12345-6789",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2",
        "EAN 4006381333931",
        "from 2026-01-02 10:20:30 to 03.04.2026, call 2026-01-02",
        "Version 1.2.3.4 and v10.20.30.40, section 4.2.1.3",
        "at 127.0.0.1 or 0.0.0.0 with mask 255.255.255.0",
        "12:30:45 std::vector a::b 00:1A:2B:3C:4D:5E",
        "logo@2x.png @handle a@b",
        "Your password is required. Token: none. secret sauce",
        "password: ****** token=<your-token-goes-here-please>",
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567",
        "GB82 WEST 1234 5698 7654 33",
        "http://dx.doi.org/10.7554/eLife.00422.001",
        "0.05 0.12 0.33 and 12 345 678 people",
        "sk-short, AKIA, eyJ",
        "",
    ],
)
def test_prices_dates_versions_and_codes_are_left_alone(text):
    assert found(text) == []


def test_a_private_key_goes_as_a_whole_even_when_cut_off():
    body = "\n" + "MIIEvQIBADANBg+/" * 8 + "\n"
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    assert GUARD.scrub(f"a {begin}{body}{end} b").text == "a [KEY] b"
    assert "MIIE" not in GUARD.scrub(f"a {begin}{body}").text


def test_scrubbing_names_the_type_and_keeps_offsets_into_the_original():
    text = "Ask jo@example.org or +1-202-555-0199 😀 at 203.0.113.77."
    scrubbed = GUARD.scrub(text)
    assert scrubbed.text == "Ask [EMAIL] or [PHONE] 😀 at [IP]."
    assert [text[f.start : f.end] for f in scrubbed.findings] == [
        "jo@example.org",
        "+1-202-555-0199",
        "203.0.113.77",
    ]


async def test_only_the_wanted_types_are_looked_for():
    async with open_pattern_guard({"types": ["EMAIL"]}) as guard:
        assert guard.scrub("jo@example.org 203.0.113.77").text == "[EMAIL] 203.0.113.77"
    with pytest.raises(ValidationError):
        async with open_pattern_guard({"types": ["NAME"]}):
            pass
    with pytest.raises(ValidationError):
        async with open_pattern_guard({"kinds": []}):
            pass


_plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_values = st.sampled_from([value for _, value in PLANTED])
_shards = st.sampled_from(
    ["call ", "tel: ", "4111 ", "1111", "-", ".", "(", ")", "+", "00", "0431 ", "12", "@", "a.co",
     "token=", "password: ", "://", ":", "::", "GB82", " ", "[EMAIL]", "[KEY]", "x9", "A1b2C3d4E5f6",
     "-----BEGIN PRIVATE KEY-----", "\ufffc", "\ud800", "ſ", "office"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(_plain | _values | _shards, max_size=14).map("".join) | st.text())
def test_findings_lie_in_order_and_scrubbed_text_holds_none(text):
    findings = GUARD.find(text)
    position = 0
    for finding in findings:
        assert position <= finding.start < finding.end <= len(text)
        assert 0 < finding.score <= 1
        position = finding.end
    once = GUARD.scrub(text)
    assert once.findings == findings
    twice = GUARD.scrub(once.text)
    assert (twice.text, twice.findings) == (once.text, ())


@given(st.sampled_from(PLANTED), st.text(st.characters(categories=["L", "Zs"])), st.text("\n ab"))
def test_a_planted_value_never_survives_scrubbing(planted, before, after):
    _, value = planted
    assert value not in GUARD.scrub(f"{before} {value} {after}").text


@pytest.mark.parametrize(
    "unit",
    ["1", "1 ", "4111 ", "@", "a@", "a.", "1.2.", ":", "a1:", "-----BEGIN PRIVATE KEY-----",
     "token=", "call ", "call 12-34-56 ", "GB82 WEST ", "http://a:b", "(", "+1 202-555-0199,"],
)  # fmt: skip
def test_hostile_repetition_is_worked_through(unit):
    text = unit * (200_000 // len(unit))
    scrubbed = GUARD.scrub(text)
    assert all(f.end <= len(text) for f in scrubbed.findings)


def test_numbers_of_every_country_are_found_as_they_are_written_abroad():
    missed: list[str] = []
    written = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None or len(str(number.national_number)) < 5:
                continue
            for form in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164):
                text = phonenumbers.format_number(number, form)
                written += 1
                if found(f"Write to us, {text}, thanks.") != [("PHONE", text)]:
                    missed.append(text)
    assert written > 900
    assert missed == []


@given(
    st.lists(_plain | _values | _shards | st.just("x" * 600), max_size=10).map("".join) | st.text()
)
def test_a_look_at_the_whole_text_finds_what_a_look_at_each_block_finds(text: str) -> None:
    blocks = tuple(joined(Spans(GUARD.scan), fold(text)))
    assert GUARD.find(text) == blocks
