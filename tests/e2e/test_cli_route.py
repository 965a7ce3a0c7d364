"""`bedplate route`: lines of prompts in, lines of scores out."""

import json
from pathlib import Path

from tests.fixtures.command_line import bedplate

LINES = b'{"id": "a", "prompt": "Why is the sky blue?"}\n{"prompt": 5}\n{"text": "x"}\n'


def test_each_prompt_gets_a_score_and_a_tier_and_bad_lines_an_error(tmp_path: Path) -> None:
    ran = bedplate("route", "--threshold", "0", cwd=tmp_path, stdin=LINES)
    assert ran.code == 4, ran.err
    scored, wrong, missing = map(json.loads, ran.out.splitlines())
    assert (scored["id"], scored["tier"]) == ("a", "large")
    assert 0 < scored["score"] <= 1
    assert wrong["error"]["message"] == '"prompt" must be text.'
    assert missing["error"]["message"] == '"prompt" is missing.'


def test_a_score_at_most_the_threshold_is_of_the_small_tier(tmp_path: Path) -> None:
    ran = bedplate("route", "--threshold", "1", cwd=tmp_path, stdin=LINES.splitlines()[0])
    assert (ran.code, json.loads(ran.out)["tier"]) == (0, "small")


def test_a_configured_router_lends_its_share(tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text(
        '[models.r]\nuse = "router"\nsmall = "quote"\nlarge = "quote"\nshare = 1.0\n', "utf-8"
    )
    ran = bedplate("route", "--model", "r", cwd=tmp_path, stdin=b'{"id": "a", "prompt": "hi"}')
    assert ran.code == 0, ran.err
    assert ran.json == {
        "id": "a",
        "score": ran.json["score"],
        "tier": "large",
        "benefit": None,
        "reason": "unlike known prompts, so ranked by length",
    }
    assert ran.json["score"] < 0.1
    ran = bedplate("route", "--model", "quote", cwd=tmp_path, stdin=b"")
    assert ran.code == 2
    assert "'quote' is no configured router; there is r." in ran.err
