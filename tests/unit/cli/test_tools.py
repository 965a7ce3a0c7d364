import json
from pathlib import Path

from tests.fixtures.command_line import Call

CONFIG = """
guards.pii = false
guards.injection.model = false
[tools.sums]
use = "calculator"
approve = "expression contains '1+1'"
[tools.orders]
use = "openapi"
spec = "http://127.0.0.1:9/openapi.json"
allow_private = true
"""


def write(tmp_path: Path, text: str = CONFIG) -> None:
    (tmp_path / "bedplate.toml").write_text(text, encoding="utf-8")


def test_tools_are_listed_and_a_table_that_is_away_is_named(call: Call, tmp_path: Path) -> None:
    write(tmp_path)
    ran = call("tools", "list", "--json")
    assert ran.code == 4
    (tool,) = ran.json["tools"]
    assert (tool["name"], tool["table"], tool["effect"]) == ("sums", "sums", "none")
    assert tool["parameters"]["required"] == ["expression"]
    (failure,) = ran.json["failures"]
    assert (failure["table"], failure["code"]) == ("orders", "unavailable")
    shown = call("tools", "list")
    assert "calculator" in shown.out
    assert "orders: tools.orders.spec" in shown.out


def test_a_tool_is_called_by_hand(call: Call, tmp_path: Path) -> None:
    write(tmp_path)
    arguments = json.dumps({"expression": "6*7"})
    assert call("tools", "call", "sums", arguments).out == "42\n"
    ran = call("tools", "call", "sums", arguments, "--json")
    assert (ran.code, ran.json["text"], ran.json["failed"]) == (0, "42", False)


def test_a_call_that_a_human_confirms_needs_yes(call: Call, tmp_path: Path) -> None:
    write(tmp_path)
    arguments = json.dumps({"expression": "1+1"})
    refused = call("tools", "call", "sums", arguments)
    assert refused.code == 3
    assert "add --yes" in refused.err
    assert call("tools", "call", "sums", arguments, "--yes").out == "2\n"


def test_what_cannot_be_called_is_bad_input(call: Call, tmp_path: Path) -> None:
    write(tmp_path, CONFIG.split("[tools.orders]")[0])
    assert call("tools", "call", "sum", "{}").code == 2
    assert "Did you mean 'sums'" in call("tools", "call", "sum", "{}").err
    assert call("tools", "call", "sums", "{").code == 2
    ran = call("tools", "call", "sums", "{}", "--yes", "--json")
    assert (ran.code, ran.json["failed"]) == (2, True)


def test_without_tables_the_list_says_so(call: Call, tmp_path: Path) -> None:
    write(tmp_path, "")
    assert "no tables [tools.NAME]" in call("tools", "list").out
