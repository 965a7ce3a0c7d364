"""Real files, broken and hostile ones among them, through the parser that the server uses."""

import asyncio
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import BedplateError, TooLarge, Unreadable
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits

FOLDER = Path(os.environ.get("EVAL_DATA", "")) / "formats"
LIMITS = ParseLimits(seconds=20)
REASONS = {
    *("unsupported", "encrypted", "empty", "no_text", "malformed", "truncated", "unsafe"),
    "binary",
}
# Reading pictures takes seconds a page: on a slow machine some stay unread, and are named.
SLOW = {"scan"}

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (FOLDER / "manifest.jsonl").is_file(),
        reason="EVAL_DATA names no folder with formats/manifest.jsonl",
    ),
]

Row = dict[str, Any]
Outcome = Parsed | Unreadable | TooLarge
Outcomes = list[tuple[Row, Outcome]]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """Every file of the manifest with what came of it; any other error fails the tests."""
    return asyncio.run(read_all())


async def read_all() -> Outcomes:
    manifest = (FOLDER / "manifest.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in manifest.splitlines()]
    found: Outcomes = []
    async with open_parser(LIMITS) as parser:
        for row in rows:
            blob = Blob((FOLDER / row["file"]).read_bytes(), row["file"])
            try:
                found.append((row, await parser.parse(blob)))
            except (Unreadable, TooLarge) as error:
                found.append((row, error))
    return found


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.casefold()))


def recall(expected: str, parsed: Parsed) -> float:
    wanted = words(re.sub(r"<!--.*?-->|&\w+;|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)", " ", expected))
    got = words(" ".join(document.text for document in parsed.documents))
    return sum((wanted & got).values()) / max(1, wanted.total())


def test_every_file_is_read_or_refused_with_its_reason(outcomes: Outcomes) -> None:
    assert len(outcomes) > 100
    refused: Counter[tuple[str, str]] = Counter()
    for row, outcome in outcomes:
        if isinstance(outcome, BedplateError):
            assert isinstance(outcome, Unreadable), f"{row['file']}: {outcome}"
            slow = {"timeout"} if row["category"] in SLOW else set[str]()
            assert outcome.reason in REASONS | slow, f"{row['file']}: {outcome}"
            refused[row["ext"], outcome.reason] += 1
        else:
            assert outcome.documents or outcome.failures, row["file"]
    parsed = Counter(row["ext"] for row, outcome in outcomes if isinstance(outcome, Parsed))
    print(f"\nparsed: {dict(sorted(parsed.items()))}\nrefused: {dict(sorted(refused.items()))}")
    locked = [outcome for row, outcome in outcomes if row["file"].endswith("user-password.pdf")]
    assert locked
    assert all(isinstance(one, Unreadable) and one.reason == "encrypted" for one in locked)


def test_most_expected_words_are_found(outcomes: Outcomes) -> None:
    shares: dict[str, list[float]] = {}
    for row, outcome in outcomes:
        if row.get("expected_markdown") and isinstance(outcome, Parsed):
            expected = (FOLDER / row["expected_markdown"]).read_text(encoding="utf-8")
            share = recall(expected, outcome)
            shares.setdefault(row["ext"], []).append(share)
            if share < 0.9:
                print(f"\n{row['file']}: {share:.2f}", end="")
    mean = {kind: sum(found) / len(found) for kind, found in shares.items()}
    print("\n", {kind: (round(share, 3), len(shares[kind])) for kind, share in mean.items()})
    overall = [share for found in shares.values() for share in found]
    print(f"mean word recall {sum(overall) / len(overall):.3f} over {len(overall)} files")
    assert sum(overall) / len(overall) > 0.9


def test_what_is_attached_to_an_outlook_mail_is_read_or_named(outcomes: Outcomes) -> None:
    pytest.importorskip("kreuzberg", reason="the extra wide is not installed")
    (parsed,) = (o for row, o in outcomes if row["file"].endswith("msg_with_attachment.msg"))
    assert isinstance(parsed, Parsed)
    mail, attached = parsed.documents
    assert mail.title == "Email with Attachment"
    assert attached.source.endswith("msg_with_attachment.msg!/test.txt")
    assert attached.metadata["part_of"] == mail.source
    (failure,) = parsed.failures
    assert (failure.source.endswith("!/report.pdf"), failure.code) == (True, "unsupported")
