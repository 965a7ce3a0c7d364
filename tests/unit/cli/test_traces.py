"""What was recorded, on the command line."""

from pathlib import Path

import pytest
from tests.fixtures.command_line import Call


@pytest.fixture
def asked(call: Call, tmp_path: Path) -> Call:
    (tmp_path / "policy.md").write_text("# Refunds\n\nA refund takes 30 days.\n", encoding="utf-8")
    assert call("ingest", "policy.md", "-c", "docs").code == 0
    assert call("ask", "-c", "docs", "How long does a refund take?").code == 0
    return call


def test_the_newest_trace_comes_first_and_is_shown_step_by_step(asked: Call) -> None:
    listed = asked("traces", "list", "--json")
    assert listed.code == 0, listed.err
    newest, *older = listed.json["traces"]
    assert older
    assert [each["started"] for each in older] == sorted(
        (each["started"] for each in older), reverse=True
    )

    whole = asked("traces", "show", newest["id"], "--json")
    names = [span["name"] for span in whole.json["spans"]]
    assert {"retrieval", "turn", "check grounding"} <= set(names)

    people = asked("traces", "show", newest["id"])
    assert people.code == 0, people.err
    lines = people.out.splitlines()
    (retrieval,) = [line for line in lines if line.strip().startswith("retrieval ")]
    assert retrieval.startswith("  ")
    assert any("gen_ai.data_source.id = docs" in line for line in lines)


def test_the_list_is_a_table_that_can_be_narrowed(asked: Call) -> None:
    table = asked("traces", "list")
    assert table.code == 0, table.err
    assert "took ms" in table.out

    none = asked("traces", "list", "--min-ms", "1000000")
    assert "No trace is kept that fits." in none.out


def test_a_trace_that_is_not_kept_is_said_to_be_missing(asked: Call) -> None:
    shown = asked("traces", "show", "0" * 32)
    assert shown.code == 2
    assert "0" * 32 in shown.err
