"""`bedplate keys`."""

from pathlib import Path

import pytest
from tests.fixtures.command_line import Call


def test_keys_are_made_listed_rotated_and_revoked(call: Call) -> None:
    made = call("keys", "create", "app", "--scope", "ask", "--scope", "read", "--json").json
    assert made["key"].startswith("bp_")
    assert (made["name"], made["tenant"], made["scopes"]) == ("app", "default", ["read", "ask"])
    assert made["expires_at"] is None
    other = call("keys", "create", "other", "--tenant", "t", "--expires", "90d")
    assert other.out.startswith("bp_")
    assert "It may read, ask, write as tenant 't'" in other.out

    rotated = call("keys", "rotate", made["id"], "--overlap", "12h", "--json").json
    assert rotated["id"] == made["id"]
    assert rotated["key"] != made["key"]
    revoked = call("keys", "revoke", made["id"], "--json").json
    assert revoked["revoked_at"] is not None
    assert call("keys", "rotate", made["id"]).code == 2
    listed = call("keys", "list")
    assert made["key"] not in listed.out
    assert made["id"] in listed.out
    (shown,) = call("keys", "list", "--json").json["keys"]
    assert shown == {**revoked, "rotated_at": rotated["rotated_at"]}
    (theirs,) = call("keys", "list", "--tenant", "t", "--json").json["keys"]
    assert theirs["expires_at"] > theirs["created_at"]
    assert call("keys", "revoke", made["id"], "--tenant", "t").code == 2


def test_looking_for_keys_makes_no_data_folder(call: Call, tmp_path: Path) -> None:
    assert call("keys", "list", "--json").json == {"keys": []}
    assert "has no keys" in call("keys", "list").out
    for command in ("revoke", "rotate"):
        missing = call("keys", command, "nobody")
        assert missing.code == 2
        assert "none was ever made" in missing.err
    assert list(tmp_path.rglob("*.db")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["app", "--scope", "reed"], "Did you mean 'read'?"),
        (["app", "--expires", "soon"], "write it as 90d"),
        (["app", "--expires", "0d"], "more than nothing"),
        (["app", "--tenant", "a/b"], "The tenant is 'a/b'"),
        ([" "], "The name is"),
    ],
)
def test_a_key_that_makes_no_sense_is_bad_input(
    call: Call, tmp_path: Path, arguments: list[str], message: str
) -> None:
    refused = call("keys", "create", *arguments)
    assert refused.code == 2
    assert message in refused.err
    assert list(tmp_path.rglob("*.db")) == []
