from collections.abc import Sequence

import pytest

from bedplate.api.token_ids import SIZE, vocabulary
from bedplate.errors import InvalidInput

GREAT = (83, 1609, 5963, 374, 2294, 0)
"""As tiktoken's own README has it."""


def test_token_ids_are_the_text_they_stand_for() -> None:
    assert vocabulary().text(GREAT, "input.0") == "tiktoken is great!"
    assert vocabulary().text((SIZE - 1,), "input.0") == " Conveyor"


def test_every_byte_is_a_token_and_no_two_are_the_same() -> None:
    known = vocabulary()
    begins = (0, *known.ends[:-1])
    tokens = {known.tokens[begin:end] for begin, end in zip(begins, known.ends, strict=True)}
    assert len(tokens) == SIZE
    assert {bytes([value]) for value in range(256)} <= tokens
    assert known.ends[-1] == len(known.tokens)


@pytest.mark.parametrize("ids", [(222, *GREAT), (*GREAT, 76460)], ids=["begin", "end"])
def test_half_a_character_at_an_end_is_left_out(ids: Sequence[int]) -> None:
    assert vocabulary().text(ids, "input.0") == "tiktoken is great!"


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        ((SIZE,), "there is no token 100256"),
        ((5, 10**30), "there is no token"),
        ((83, 222, 83), "no text"),
        ((222,), "no text"),
        ((76460,), "no text"),
        ((222, 222, 222, 222, 83), "no text"),
    ],
    ids=["special", "huge", "middle", "rest", "begin", "rests"],
)
def test_ids_that_are_no_text_are_refused(ids: Sequence[int], why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as caught:
        vocabulary().text(ids, "input.3")
    assert caught.value.param == "input.3"
