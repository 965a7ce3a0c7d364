"""Names that were written wrong, however long they are."""

import time

import pytest

from bedplate.chat.turn import Turn
from bedplate.errors import NotFound
from bedplate.spelling import did_you_mean, shown


def test_the_nearest_name_is_asked_for_and_none_where_none_is_near() -> None:
    assert did_you_mean("defualt", ["default", "small"]) == " Did you mean 'default'?"
    assert did_you_mean("zzz", ["default"]) == ""


def test_a_long_name_is_shown_by_its_beginning() -> None:
    assert shown("small") == "'small'"
    assert shown("x" * 101) == f"'{'x' * 100}...'"


def test_a_model_of_an_endless_name_is_not_found_at_once() -> None:
    begun = time.process_time()
    with pytest.raises(NotFound) as raised:
        Turn({}, seconds=1).model("ab" * 5_000_000)
    assert time.process_time() - begun < 0.5
    assert len(raised.value.message) < 300
