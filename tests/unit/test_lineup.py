"""Models are opened after those that they refer to."""

from bedplate.config import ModelSlot
from bedplate.lineup import in_order


def test_models_that_refer_to_none_keep_their_order() -> None:
    assert in_order({"b": ModelSlot(use="quote"), "a": ModelSlot(use="quote")}) == ("b", "a")
