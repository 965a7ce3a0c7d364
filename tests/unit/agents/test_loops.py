import pytest

from bedplate.agents.history import CallState
from bedplate.agents.loops import circle
from bedplate.domain.tools import ToolCall


def made(*calls: str) -> list[CallState]:
    """Each "tool:arguments:result"."""
    states: list[CallState] = []
    for number, call in enumerate(calls):
        tool, arguments, text = call.split(":")
        request = ToolCall("c", tool, arguments)
        states.append(CallState(f"{number}.0", request, result={"text": text, "failed": False}))
    return states


NEWS = [f"look:{n}:{n}" for n in range(8)]


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        (["look:1:a"] * 2, None),
        (["look:1:a"] * 3, "same_call"),
        (["look:1:a", "look:1:a", "look:1:b"], None),
        (["look:1:a", "look:2:a", "look:1:a"], None),
        (["look:1:a", "look:2:b"] * 3, "alternating"),
        (["look:1:a", "look:2:b"] * 2 + ["look:1:a", "look:2:c"], None),
        (NEWS, None),
        (NEWS + [f"find:{n}:{n}" for n in range(7)], None),
        (NEWS + [f"find:{n}:{n}" for n in range(8)], "no_new_information"),
        ([*NEWS, *(f"find:{n}:{n}" for n in range(7)), "find:8:news"], None),
    ],
)
def test_circles_are_told_from_progress(calls: list[str], found: str | None) -> None:
    assert circle(made(*calls), repeats=3) == found
