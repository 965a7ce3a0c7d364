import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.parsers.values import number, scalar, typed_column


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-12", -12), ("3.50", 3.5), ("1e3", 1000.0), ("-0.5", -0.5)],
)
def test_numbers_are_read(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    "text", ["007", "+49", "1,5", "1 000", "12-3", "0x1f", "", "1.", ".5", "1e999", "９", "1" * 16]
)
def test_what_only_looks_like_a_number_is_not_one(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("False", False), ("null", None), ("", None), ("~", None), ("12", 12),
     ('"12"', "12"), ("'x y'", "x y"), ("2026-01-31", "2026-01-31"), ("007", "007")],
)  # fmt: skip
def test_a_written_scalar_gets_its_type(text: str, value: object) -> None:
    assert scalar(text) == value


def test_a_column_is_typed_as_a_whole() -> None:
    assert typed_column("n", ["1", "", "2.5"]) == [1, None, 2.5]
    assert typed_column("n", ["1", "x"]) == ["1", "x"]
    assert typed_column("n", ["1", "007"]) == ["1", "007"]
    assert typed_column("ok", ["True", "false", ""]) == [True, False, None]
    assert typed_column("ok", ["yes", "No"]) == [True, False]
    assert typed_column("day", ["2026-01-31", ""]) == ["2026-01-31", None]
    assert typed_column("none", ["", ""]) == [None, None]


@pytest.mark.parametrize("name", ["Phone", "phone_number", "Zip", "zip code", "ISBN", "Fax no"])
def test_a_column_named_for_codes_stays_text(name: str) -> None:
    assert typed_column(name, ["5551234"]) == ["5551234"]


def test_equally_long_runs_of_ten_digits_stay_text() -> None:
    assert typed_column("contact", ["5551234567", "5559876543"]) == ["5551234567", "5559876543"]
    assert typed_column("people", ["1412000000", "83000000"]) == [1412000000, 83000000]


@given(st.lists(st.one_of(st.integers(-(10**14), 10**14).map(str), st.text()), max_size=8))
def test_a_column_keeps_its_length_and_one_kind(cells: list[str]) -> None:
    values = typed_column("c", cells)
    assert len(values) == len(cells)
    kinds = {float if isinstance(v, int | float) and not isinstance(v, bool) else type(v)
             for v in values if v is not None}  # fmt: skip
    assert len(kinds) <= 1
