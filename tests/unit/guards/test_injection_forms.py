"""The forms that the injection heads learn from (training/injection/forms)."""

import random
import re

import pytest
from training.injection.forms import lists, made

NAMES = ("requests", "notices", "orders", "attacks")


@pytest.mark.parametrize("name", NAMES)
def test_forms_are_filled_to_the_end(name: str) -> None:
    draw = random.Random(1)
    known = "|".join(lists(name))
    for _ in range(2_000):
        text = made(name, draw)
        assert text
        assert not re.search(rf"\{{[^{{}}]*\||(?<!\w)@({known})\b", text), text
        assert "\\n" not in text


@pytest.mark.parametrize("name", NAMES)
def test_every_list_but_the_first_is_used_by_another_and_says_nothing_twice(name: str) -> None:
    known = lists(name)
    used = {
        word for lines in known.values() for line in lines for word in re.findall("@([a-z]+)", line)
    }
    assert set(known) - used == {next(iter(known))}
    # More of what a line makes more of is said by repeating the reference, not the text.
    assert all(
        len(set(lines)) == len(lines) for lines in known.values() if "@" not in "".join(lines)
    )


def test_nothing_is_both_harmless_and_an_attack() -> None:
    draw = random.Random(2)
    drawn = {name: {made(name, draw).casefold() for _ in range(3_000)} for name in NAMES}
    assert not drawn["requests"] & drawn["attacks"]
    assert not drawn["notices"] & drawn["orders"]
