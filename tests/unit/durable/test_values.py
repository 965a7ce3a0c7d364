import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.ids import TenantId
from bedplate.durable.names import job_of, name_of
from bedplate.durable.values import journalled
from bedplate.errors import InvalidInput, TooLarge

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)  # fmt: skip


@given(VALUES)
def test_what_is_json_is_kept_as_it_is(value: object) -> None:
    assert journalled(value, "It", most=10**6) == value


def test_what_a_first_run_sees_is_what_a_replay_will_read() -> None:
    assert journalled({1: (2, (3,))}, "It", most=100) == {"1": [2, [3]]}


@pytest.mark.parametrize("value", [math.nan, math.inf, b"bytes", {1, 2}, object(), "\ud800"])
def test_what_the_journal_cannot_keep_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="The result cannot be kept as JSON"):
        journalled(value, "The result", most=10**6)


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(InvalidInput):
        journalled(value, "The result", most=10**6)


def test_the_limit_counts_the_bytes_of_its_json() -> None:
    assert journalled("ää", "It", most=6) == "ää"
    with pytest.raises(TooLarge, match="It is 6 bytes of JSON; the journal takes 5"):
        journalled("ää", "It", most=5)


IDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20)


@given(TEXT, IDS, TEXT, IDS)
def test_two_tenants_never_share_a_job(one: str, id: str, other: str, other_id: str) -> None:
    same = (one, id) == (other, other_id)
    assert (name_of(TenantId(one), id) == name_of(TenantId(other), other_id)) is same
    assert job_of(name_of(TenantId(one), id)) == id


@pytest.mark.parametrize("id", ["", " ", "a\nb", "x" * 256, "\x00"])
def test_an_id_that_cannot_be_shown_or_kept_is_refused(id: str) -> None:
    with pytest.raises(InvalidInput, match="is no id of a job"):
        name_of(TenantId("default"), id)
