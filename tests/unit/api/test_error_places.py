from collections.abc import Sequence
from typing import Any

import pytest

from bedplate.api.errors import place_of


@pytest.mark.parametrize(
    ("loc", "body", "place"),
    [
        (("input", "list[constrained-str]", 0), {"input": [[1]]}, "input.0"),
        (("input", "list[TextPart]", 1, "text"), {"input": ["a", {"type": "text"}]},
         "input.1.text"),
        (("input", "constrained-str"), {"input": 7}, "input"),
        (("query",), {}, "query"),
        (("a", "b"), {"a": {}}, "a.b"),
        ((), [], ""),
        (("a",), "text", ""),
    ],
    ids=["member", "missing", "branch", "required", "inner", "whole", "text"],
)  # fmt: skip
def test_a_place_is_a_path_of_the_body_and_names_no_type(
    loc: Sequence[int | str], body: Any, place: str
) -> None:
    assert place_of(("body", *loc), body) == place


def test_a_parameter_is_named_as_it_is() -> None:
    assert place_of(("query", "limit"), None) == "limit"
    assert place_of(("path", "file_id"), {"file_id": 1}) == "file_id"
