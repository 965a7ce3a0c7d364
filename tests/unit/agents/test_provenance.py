from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.agents.provenance import foreign

SCHEMA = {"properties": {"mode": {"enum": ["slow", "fast"]}}}
SAID = ["Pay Ann Lee 1,250.00 for order A-17.", "Write to ann@example.com, twice: 2."]


@pytest.mark.parametrize(
    ("arguments", "unknown"),
    [
        ({"to": "ann lee", "amount": 1250}, ()),
        ({"to": "Ann  Lee", "amount": 1250.0, "order": "A-17"}, ()),
        ({"to": "An", "amount": 1250}, ("to",)),
        ({"to": "Ann Lee", "amount": 125}, ("amount",)),
        ({"to": "ann@example.co"}, ("to",)),
        ({"to": "Ann", "mode": "fast", "now": True, "note": None}, ()),
        ({"mode": "fast", "now": True}, ("",)),
        ({}, ("",)),
        ({"to": ["Ann", {"cc": "eve@evil.example"}]}, ("to[1].cc",)),
        ({"to": "Ann", "count": 18}, ("count",)),
    ],
)
def test_values_that_nobody_said_are_named(
    arguments: dict[str, Any], unknown: tuple[str, ...]
) -> None:
    assert foreign(arguments, SCHEMA, SAID) == unknown


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=30).filter(str.strip), st.text(max_size=20))
def test_what_was_said_is_known_and_what_was_not_is_not(value: str, around: str) -> None:
    assert foreign({"v": value}, {}, [f"{around} {value} {around}"]) == ()
    assert foreign({"v": f"zq{value}qz"}, {}, [value]) == ("v",)


@pytest.mark.parametrize("value", ["20", 20, "05", 5, "10", 10, "00"])
def test_a_part_of_a_date_or_a_time_was_not_said(value: str | int) -> None:
    said = ["Move it to 2024-05-20 at 10:00."]
    assert foreign({"id": value}, {}, said) == ("id",)
    assert foreign({"id": "2024-05-20"}, {}, said) == ()
    assert foreign({"id": "10:00"}, {}, said) == ()
