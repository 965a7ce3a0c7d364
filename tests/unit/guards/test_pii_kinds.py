"""Numbers of persons, places and dates: what proves them, and what does not."""

import pytest
from pydantic import ValidationError

from bedplate.guards.pii import TYPES, PatternGuard, open_pattern_guard

GUARD = PatternGuard(TYPES)

FOUND = [
    ("NI number QQ 12 34 56 C on file", []),
    ("NI number AB 12 34 56 C on file", [("NATIONAL_ID", "AB 12 34 56 C")]),
    ("DNI 12345678Z", [("NATIONAL_ID", "12345678Z")]),
    ("DNI 12345678A", []),
    ("NIE X1234567L", [("NATIONAL_ID", "X1234567L")]),
    ("sécu 2 55 08 14 168 025 38", [("NATIONAL_ID", "2 55 08 14 168 025 38")]),
    ("RSSMRA85T10A562S", [("NATIONAL_ID", "RSSMRA85T10A562S")]),
    ("RSSMRA85T10A562T", []),
    ("Steuer-ID 86095742719", [("NATIONAL_ID", "86095742719")]),
    ("order 86095742719", []),
    ("CPF 529.982.247-25", [("NATIONAL_ID", "529.982.247-25")]),
    ("CPF 529.982.247-26", []),
    ("Aadhaar 2341 2341 2346", [("NATIONAL_ID", "2341 2341 2346")]),
    ("BSN 111222333", [("NATIONAL_ID", "111222333")]),
    ("PESEL 44051401359", [("NATIONAL_ID", "44051401359")]),
    ("756.9217.0769.85", [("NATIONAL_ID", "756.9217.0769.85")]),
    ("11010519491231002X", [("NATIONAL_ID", "11010519491231002X")]),
    ("ITIN 912-70-1234", [("NATIONAL_ID", "912-70-1234")]),
    ("SIN 046 454 286", [("NATIONAL_ID", "046 454 286")]),
    ("811218-9876", [("NATIONAL_ID", "811218-9876")]),
    ("passport no. C01X00T47", [("PASSPORT", "C01X00T47")]),
    ("my passport expired", []),
    ("driver's license: D1234567", [("DRIVER_LICENSE", "D1234567")]),
    ("VAT DE136695976", [("VAT", "DE136695976")]),
    ("part DE136695976", []),
    ("01:23:45:67:89:ab", [("MAC", "01:23:45:67:89:ab")]),
    ("ff:ff:ff:ff:ff:ff", []),
    ("born on 14 March 1979 in Ulm", [("BIRTH_DATE", "14 March 1979")]),
    ("DOB: 1979-03-14", [("BIRTH_DATE", "1979-03-14")]),
    ("shipped on 14 March 1979", []),
    ("at 221B Baker Street, today", [("ADDRESS", "221B Baker Street")]),
    ("at 1600 Pennsylvania Ave NW", [("ADDRESS", "1600 Pennsylvania Ave")]),
    ("in der Hauptstraße 12 wohnt", [("ADDRESS", "Hauptstraße 12")]),
    ("Calle Mayor 12", [("ADDRESS", "Calle Mayor 12")]),
    ("PO Box 1234", [("ADDRESS", "PO Box 1234")]),
    ("Springfield, IL 62704", [("ZIP", "62704")]),
    ("London SW1A 1AA", [("ZIP", "SW1A 1AA")]),
    ("Ottawa K1A 0B1", [("ZIP", "K1A 0B1")]),
    ("zip code 90210", [("ZIP", "90210")]),
    ("we sold 90210 pieces in 3 Easy Steps", []),
    ("+999 123 456 789", []),
    ("我的邮箱是jo@example.org，电话+86 139 1234 5678。", [
        ("EMAIL", "jo@example.org"), ("PHONE", "+86 139 1234 5678"),
    ]),
    ("４１１１ １１１１ １１１１ １１１１", [("CARD", "４１１１ １１１１ １１１１ １１１１")]),
    ("call +44\u00a020\u00a07946\u20110958", [("PHONE", "+44\u00a020\u00a07946\u20110958")]),
    ("https://x.example/cb?access_token=Zx81kQp0Lm42&n=1", [("KEY", "Zx81kQp0Lm42")]),
    ("https://x.example/list?page=12345678&code=summer", []),
    ("whsec_" + "a1B2c3D4" * 4, [("KEY", "whsec_" + "a1B2c3D4" * 4)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_checksums_and_words_nearby_prove_a_number(text, expected):
    found = [(finding.type, text[finding.start : finding.end]) for finding in GUARD.find(text)]
    assert found == expected


async def test_types_of_ones_own_are_found_where_their_words_say_so():
    own = {"type": "STAFF", "pattern": r"E-\d{6}", "words": ["employee"]}
    async with open_pattern_guard({"types": ["EMAIL"], "custom": [own]}) as guard:
        text = "employee E-123456 wrote from E-654321@example.org; part is here. E-999999"
        assert guard.scrub(text).text == (
            "employee [STAFF] wrote from [EMAIL]; part is here. E-999999"
        )


@pytest.mark.parametrize(
    "own",
    [
        {"type": "staff", "pattern": "x"},
        {"type": "STAFF", "pattern": "("},
        {"type": "STAFF", "pattern": "a*"},
        {"type": "STAFF", "pattern": "(a)(b)"},
        {"type": "STAFF", "pattern": r"(?=a)b"},
    ],
)
async def test_a_pattern_that_cannot_work_is_refused_at_the_start(own):
    with pytest.raises(ValidationError):
        async with open_pattern_guard({"custom": [own]}):
            pass
