"""Tool calls put in order, whatever a server makes of their parts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.chat import ToolCallDelta
from bedplate.models.tool_parts import ToolParts

ID, NAME = "call_a", "weather"
OSLO = '{"city": "Oslo"}'
ROME = '{"city": "Rome", "unit": "C"}'


def gathered(*parts: dict[str, Any]) -> list[ToolCallDelta]:
    tools = ToolParts()
    deltas = [delta for part in parts for delta in tools.add(**part)]
    return [*deltas, *tools.finish()]


def calls(deltas: list[ToolCallDelta]) -> list[tuple[str, str, str]]:
    """Each call as id, name and arguments; the order of the parts is checked."""
    found: list[list[str]] = []
    for delta in deltas:
        assert delta.index in {len(found) - 1, len(found)}, "parts of calls are mixed"
        if delta.index == len(found):
            assert delta.id
            assert delta.name
            found.append([delta.id, delta.name, ""])
        else:
            assert not delta.id
            assert not delta.name
        found[-1][2] += delta.arguments
    return [(id, name, arguments) for id, name, arguments in found]


def test_the_text_of_a_custom_tool_is_not_taken_for_json():
    part = {"index": 0, "custom": True}
    deltas = gathered(
        {**part, "id": ID, "name": "query", "arguments": ""},
        *({**part, "arguments": text} for text in ("{}", "{}", "x", "", "{}{}x")),
        {"index": 1, "custom": True, "id": "call_b", "name": "note"},
    )

    assert calls(deltas) == [(ID, "query", "{}{}x{}{}x"), ("call_b", "note", "")]
    assert all(delta.custom for delta in deltas)


def whole(text: str = OSLO, id: str = ID, name: str = NAME, **fields: Any) -> dict[str, Any]:
    return {"id": id, "name": name, "arguments": text, **fields}


def test_the_first_call_is_given_as_it_comes():
    tools = ToolParts()

    assert list(tools.add(index=0, id=ID, name=NAME, arguments="")) == [
        ToolCallDelta(0, "", ID, NAME)
    ]
    assert list(tools.add(index=0, arguments='{"city"')) == [ToolCallDelta(0, '{"city"')]
    assert list(tools.add(index=0, arguments=': "Oslo"}')) == [ToolCallDelta(0, ': "Oslo"}')]
    assert list(tools.finish()) == []


@pytest.mark.parametrize(
    "parts",
    [
        [whole(index=0)],
        [whole()],
        [whole(json.loads(OSLO))],
        [{"id": ID, "name": NAME}, {"arguments": OSLO[:5]}, {"arguments": OSLO[5:]}],
        [whole(OSLO[:5], index=0), whole(OSLO[5:], index=0)],
        [whole(OSLO[:5], index=0), {"index": 0, "id": "call_other", "arguments": OSLO[5:]}],
        [whole(OSLO[:5], index=0), whole(OSLO[5:], id="call_other", index=0)],
        [whole(index=0), whole(index=0)],
        [whole(), whole()],
        [whole(OSLO[:5]), whole(OSLO)],
        [whole(OSLO), {"arguments": OSLO}],
        [whole(OSLO), {"arguments": "\n"}],
        [whole("", index=0), {"index": 0, "arguments": None}, {"index": 0, "arguments": OSLO}],
        [{"index": 0, "arguments": OSLO}, {"index": 0, "id": ID, "name": NAME}],
        [{"index": 3, "id": ID}, {"index": 3, "name": NAME}, {"index": 3, "arguments": OSLO}],
    ],
    ids=[
        "whole",
        "no index",
        "arguments as an object",
        "only the first names it",
        "id and name in every part",
        "another id in every part",
        "another id and the name in every part",
        "whole and again",
        "whole and again without index",
        "all so far in every part",
        "arguments again",
        "white space behind",
        "null arguments",
        "name after arguments",
        "name after id, index from 3",
    ],
)
def test_one_call_is_read_whatever_its_parts(parts: list[dict[str, Any]]):
    ((id, name, arguments),) = calls(gathered(*parts))

    assert name == NAME
    assert json.loads(arguments) == json.loads(OSLO)
    assert id == ID or parts[0].get("id") is None


TWO = [(ID, NAME, OSLO), ("call_b", NAME, ROME)]


@pytest.mark.parametrize(
    "parts",
    [
        [whole(index=0), whole(ROME, "call_b", index=1)],
        [whole(), whole(ROME, "call_b")],
        [whole(index=0), whole(ROME, "call_b", index=0)],
        [
            {"index": 0, "id": ID, "name": NAME},
            {"index": 1, "id": "call_b", "name": NAME},
            {"index": 1, "arguments": ROME[:9]},
            {"index": 0, "arguments": OSLO[:9]},
            {"index": 1, "arguments": ROME[9:]},
            {"index": 0, "arguments": OSLO[9:]},
        ],
        [
            {"id": ID, "name": NAME},
            {"id": "call_b", "name": NAME},
            {"id": ID, "arguments": OSLO},
            {"id": "call_b", "arguments": ROME},
        ],
        [whole(index=1), whole(ROME, "call_b", index=0)],
        [whole(index=0), whole(ROME, "call_b", index=1), whole(index=0)],
    ],
    ids=[
        "one after the other",
        "no index",
        "always index 0",
        "mixed",
        "mixed by id",
        "indexes out of order",
        "the first again at the end",
    ],
)
def test_parallel_calls_come_one_after_the_other(parts: list[dict[str, Any]]):
    assert calls(gathered(*parts)) == TWO


def test_a_call_without_an_id_gets_one_of_its_own():
    first, second = calls(gathered(whole(id=""), whole(id="", text=ROME)))

    assert first[0].startswith("call_")
    assert second[0].startswith("call_")
    assert first[0] != second[0]
    assert [first[2], second[2]] == [OSLO, ROME]


@pytest.mark.parametrize("arguments", [None, "", " ", {}])
def test_no_arguments_are_an_empty_object(arguments: Any):
    ((_, _, text),) = calls(gathered(whole(arguments)))

    assert json.loads(text) == {}


def test_an_object_in_itself_is_no_repetition():
    deep = ['{"a": ', '{"a": ', "1", "}", "}"]
    parts = [{"index": 0, "arguments": piece} for piece in deep]

    ((_, _, text),) = calls(gathered({"index": 0, "id": ID, "name": NAME}, *parts))

    assert json.loads(text) == {"a": {"a": 1}}


def test_what_the_model_writes_amiss_is_kept():
    assert calls(gathered(whole('{"a": 1}{"b": 2}')))[0][2] == '{"a": 1}{"b": 2}'
    assert calls(gathered(whole('{"a": 1}', index=0), {"index": 0, "arguments": '{"b": 2}'}))[0][
        2
    ] == ('{"a": 1}{"b": 2}')


def test_a_call_that_never_gets_a_name_is_an_error():
    with pytest.raises(ValueError, match="without a name"):
        gathered({"index": 0, "id": ID, "arguments": OSLO})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), min_size=1, max_size=3),
    st.data(),
)
def test_any_calls_survive_any_cut_and_any_mixing(given_arguments: list[Any], data: st.DataObject):
    texts = [json.dumps(arguments) for arguments in given_arguments]
    sizes = [data.draw(st.integers(2, 9)) for _ in texts]
    queues = [
        [{"index": at, "id": f"call_{at}", "name": NAME}]
        + [
            {"index": at, "arguments": text[start : start + size]}
            for start in range(0, len(text), size)
        ]
        for at, (text, size) in enumerate(zip(texts, sizes, strict=True))
    ]
    parts: list[dict[str, Any]] = [queue.pop(0) for queue in queues]
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        parts.append(queue.pop(0))

    found = calls(gathered(*parts))

    assert [json.loads(text) for _, _, text in found] == given_arguments
    assert [id for id, _, _ in found] == [f"call_{at}" for at in range(len(texts))]
