"""Values as a spreadsheet shows them; the expected texts are what Excel shows, in English."""

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.parsers.date_format import Moment, shown_moment
from bedplate.parsers.number_format import BUILT_IN, shown

ACCOUNTS = '_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-'


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (0.25, "0%", "25%"),
        (0.12345, "0.00%", "12.35%"),
        (-0.075, "0.0%", "-7.5%"),
        (1234567, "#,##0", "1,234,567"),
        (1234.5, "#,##0.00", "1,234.50"),
        (12, "#,##0", "12"),
        (0, "#,##0", "0"),
        (1.005, "0.00", "1.01"),
        (0.5, "#.##", "0.5"),
        (5, "0.##", "5"),
        (7, "000", "007"),
        (1234.5, '"$"#,##0.00', "$1,234.50"),
        (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
        (-99, "[$£-809]#,##0;[Red]\\-[$£-809]#,##0", "-£99"),
        (1234.5, ACCOUNTS, "1,234.50 €"),
        (-1234.5, ACCOUNTS, "-1,234.50 €"),
        (0, ACCOUNTS, "- €"),
        (-1234, BUILT_IN[37], "(1,234)"),
        (-5, "0;[Red]0", "-5"),
        (-0.001, "0.00", "0.00"),
        (12.5, '0.0 "kg"', "12.5 kg"),
        (12_300_000, '0.0,,"M"', "12.3M"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.00012, "0.0E+00", "1.2E-04"),
        (9.999, "0.00E+00", "1.00E+01"),
        (1.75, "# ?/?", "1 3/4"),
        (0.333333333, "# ??/??", "1/3"),
        (2.5, "# ?/8", "2 4/8"),
        (3, "# ?/?", "3"),
    ],
)
def test_numbers_are_shown_by_their_format(value: float, code: str, text: str) -> None:
    assert shown(value, code) == text


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (5, "General"),
        (5, "@"),
        (5, ""),
        (5, ";;;"),
        (5, '"hidden"'),
        (5551234, "000-0000"),
        (150, "[>100]0.0;0"),
        (12_345, "#,##0,"),
        (0, "#"),
        (5, "yyyy-mm-dd"),
        (5, "0" * 300),
        (1e300, "0"),
    ],
)
def test_what_is_not_understood_or_would_hide_the_value_is_left_raw(
    value: float, code: str
) -> None:
    assert shown(value, code) is None


@given(
    st.decimals(-(10**9), 10**9, places=4, allow_nan=False).map(float),
    st.sampled_from(sorted(BUILT_IN.values())),
)
def test_the_sign_and_the_amount_survive_every_format(value: float, code: str) -> None:
    text = shown(value, code)
    if text is None or "E" in text or "/" in text:
        return
    amount = text.strip("()-% ").replace(",", "").replace("- ", "") or "0"
    found = Decimal(amount) / (100 if text.endswith("%") else 1)
    assert abs(found - abs(Decimal(f"{value:.15g}"))) <= Decimal("0.5")
    assert (value < 0 and found != 0) == (text.startswith(("-", "(")) and found != 0)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.text('0#?,.%E+-/;[]"\\_* $€@kma', max_size=12),
)
def test_no_format_fails(value: float, code: str) -> None:
    text = shown(value, code)
    assert text is None or text.strip()


MOMENT = datetime.datetime.fromisoformat("2024-03-04T14:05:59.999900")


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (datetime.date(2024, 3, 4), "mm-dd-yy", "2024-03-04"),
        (datetime.date(2024, 3, 4), "d-mmm", "2024-03-04"),
        (datetime.date(2024, 3, 4), "[$-407]d. mmmm yyyy", "2024-03-04"),
        (MOMENT, "dd.mm.yyyy", "2024-03-04"),
        (MOMENT, "m/d/yy h:mm", "2024-03-04 14:06"),
        (MOMENT, "yyyy-mm-dd hh:mm:ss", "2024-03-04 14:06:00"),
        (datetime.date(2024, 3, 1), "mmm-yy", "Mar-2024"),
        (datetime.date(2024, 3, 1), "mmmm yyyy", "March 2024"),
        (datetime.date(2024, 3, 1), "yyyy", "2024"),
        (datetime.date(2024, 3, 1), 'mm"/"yyyy', "03/2024"),
        (MOMENT, "h:mm", "14:06"),
        (datetime.time(14, 5), "h:mm AM/PM", "2:05 PM"),
        (datetime.time(0, 5), "h:mm AM/PM", "12:05 AM"),
        (datetime.time(14, 5, 9), "hh:mm:ss", "14:05:09"),
        (datetime.timedelta(hours=27, minutes=30), "[h]:mm", "27:30"),
        (datetime.timedelta(minutes=90, seconds=5), "[mm]:ss", "90:05"),
        (datetime.timedelta(minutes=5, seconds=9), "mm:ss", "05:09"),
    ],
)
def test_moments_show_the_parts_that_their_format_has(value: Moment, code: str, text: str) -> None:
    assert shown_moment(value, code) == text


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (datetime.time(14, 5), "dd.mm.yyyy"),
        (datetime.time(14, 5), "mmmm"),
        (datetime.date(2024, 3, 4), "0.00"),
        (datetime.date(2024, 3, 4), "[h]:mm"),
        (datetime.date(2024, 3, 4), '"day"'),
    ],
)
def test_a_format_that_shows_nothing_of_a_moment_is_passed_over(value: Moment, code: str) -> None:
    assert shown_moment(value, code) is None
