"""What the query side changes: the gold passages among the first 5 and 10, with a step and without.

All passages of MTRAG-UN's conversations and of CLAPNQ are one collection, so the passages of other
questions are the distractors. Three kinds of questions: the first of a conversation, the later ones
(those with an answer, in full or in part, and gold passages), and CLAPNQ's answerable ones, each
asked after another one of them, as if the subject had just been changed.

For dates, passages of CLAPNQ and SQuAD 2.0 are made into versions of three years, each without a
fifth of its sentences; counted is how often the wanted version is first, and how often any version
of the right passage is.

`--data` keeps the ingested folder for another run; the first one embeds some 2,000 passages.
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.chat import Message
from bedplate.ingest.files import find_files
from bedplate.rag.follow_up import search_text
from bedplate.rag.search_request import SearchRequest

COLLECTION = "pool"
DEPTH = 20
"""Passages found, so that there are ten documents among them."""
YEARS = (2021, 2023, 2025)
VERSIONED = 40
"""Passages of each set that are made into versions."""
CUES = {"currently, ": 2025, "as of 2023, ": 2023}
ASIDE = 37
"""How far away the question lies that a CLAPNQ question is asked after."""

Text = Callable[[str, Sequence[Message]], str]


@dataclass(frozen=True)
class Case:
    kind: str
    question: str
    history: tuple[Message, ...]
    gold: frozenset[str]


def said(history: Sequence[Message], *roles: str) -> list[str]:
    return [message.content for message in history if message.role in roles]


TEXTS: Mapping[str, Text] = {
    "last turn": lambda question, _: question,
    "rules": search_text,
    "always with the turn before": lambda q, h: "\n".join([*said(h, "user")[-1:], q, q]),
    "all turns of the user": lambda q, h: "\n".join([*said(h, "user"), q]),
    "the whole conversation": lambda q, h: "\n".join([*said(h, "user", "assistant"), q]),
}


def conversations() -> Iterator[Case]:
    for row in rows(folder("qa_mtrag_un") / "tasks.jsonl"):
        gold = frozenset(context["document_id"] for context in row["contexts"])
        if gold and row["answerability"][0] in {"ANSWERABLE", "PARTIAL"}:
            turns = [
                Message("user" if turn["speaker"] == "user" else "assistant", turn["text"])
                for turn in row["input"]
            ]
            kind = "later question" if len(turns) > 1 else "first question"
            yield Case(kind, turns[-1].content, tuple(turns[:-1]), gold)


def changes_of_subject() -> Iterator[Case]:
    asked = list(rows(folder("qa_clapnq") / "clapnq_answerable.jsonl"))
    for number, row in enumerate(asked):
        other = asked[(number + ASIDE) % len(asked)]
        history = (
            Message("user", other["input"]),
            Message("assistant", other["output"][0]["answer"]),
        )
        gold = frozenset(f"{row['id']}-{n}" for n in range(len(row["passages"])))
        yield Case("change of subject", row["input"], history, gold)


def write(path: Path) -> None:
    documents: dict[str, dict[str, str]] = {}
    for row in rows(folder("qa_mtrag_un") / "tasks.jsonl"):
        for context in row["contexts"]:
            id = context["document_id"]
            documents[id] = {"id": id, "title": context.get("title") or "", "text": context["text"]}
    for name in ("answerable", "unanswerable"):
        for row in rows(folder("qa_clapnq") / f"clapnq_{name}.jsonl"):
            for n, passage in enumerate(row["passages"]):
                id = f"{row['id']}-{n}"
                documents[id] = {"id": id, "title": passage["title"], "text": passage["text"]}
    path.write_text("\n".join(map(json.dumps, documents.values())), encoding="utf-8")


def versioned() -> list[tuple[str, str, str, str]]:
    """Set, question, title and text."""
    found = [
        ("CLAPNQ", row["input"], row["passages"][0]["title"], row["passages"][0]["text"])
        for row in rows(folder("qa_clapnq") / "clapnq_answerable.jsonl")
    ][:VERSIONED]
    paragraphs = {row["_id"]: row for row in rows(folder("qa_squad2") / "paragraphs.jsonl")}
    asked = {
        row["paragraph_id"]: row["question"]
        for row in rows(folder("qa_squad2") / "questions.jsonl")
        if not row["is_impossible"]
    }
    chosen = random.Random(3).sample(sorted(asked), VERSIONED)
    return found + [
        ("SQuAD", asked[id], paragraphs[id]["title"], paragraphs[id]["text"]) for id in chosen
    ]


def write_versions(path: Path) -> None:
    lines: list[str] = []
    for number, (_, _, title, text) in enumerate(versioned()):
        chance = random.Random(number)
        sentences = re.split(r"(?<=[.!?]) ", text)
        for year in YEARS:
            kept = [one for one in sentences if len(sentences) < 4 or chance.random() > 0.2]
            row = {
                "id": f"{number}-{year}",
                "title": title,
                "text": " ".join(kept or sentences),
                "date": f"{year}-03-01",
            }
            lines.append(json.dumps(row))
    path.write_text("\n".join(lines), encoding="utf-8")


async def dates(app: App) -> dict[str, list[float]]:
    """For each set and cue: the wanted version first, any version of the right passage first."""
    shares: dict[str, list[tuple[bool, bool]]] = {}
    for number, (name, question, _, _) in enumerate(versioned()):
        for cue, year in CUES.items():
            request = SearchRequest(cue + question, limit=10)
            best = (await app.search.search(app.scope("versions"), request)).hits[0].document_id
            right = best.partition("-")[0] == str(number)
            shares.setdefault(f"{name}, {cue}", []).append((best == f"{number}-{year}", right))
    return {
        kind: [round(statistics.fmean(column), 3) for column in zip(*both, strict=True)]
        for kind, both in shares.items()
    }


async def fill(app: App, collection: str, path: Path) -> None:
    report = await app.ingest.run(app.scope(collection), find_files([str(path)], max_files=1))
    assert not report.failures, report.failures[:3]


async def recall(app: App, cases: Sequence[Case], text: Text) -> dict[str, list[float]]:
    """Of each kind: how many questions, mean recall of the gold passages at 5 and at 10."""
    shares: dict[str, list[tuple[float, float]]] = {}
    for case in cases:
        request = SearchRequest(text(case.question, case.history)[:20_000], limit=DEPTH)
        hits = (await app.search.search(app.scope(COLLECTION), request)).hits
        found = list(dict.fromkeys(hit.document_id for hit in hits))
        at = [len(case.gold & set(found[:depth])) / len(case.gold) for depth in (5, 10)]
        shares.setdefault(case.kind, []).append((at[0], at[1]))
    return {
        kind: [len(both), *(round(statistics.fmean(at), 3) for at in zip(*both, strict=True))]
        for kind, both in shares.items()
    }


async def measure(data: Path) -> None:
    cases = [*conversations(), *changes_of_subject()]
    await asyncio.to_thread(write, data / "pool.jsonl")
    await asyncio.to_thread(write_versions, data / "versions.jsonl")

    def opened(**search: float) -> AbstractAsyncContextManager[App]:
        arguments: dict[str, Any] = {f"search.{key}": value for key, value in search.items()}
        arguments |= {"data.dir": str(data), "guards.pii": False}
        return open_app(load_config(environment={}, arguments=arguments).config)

    async with opened() as app:
        await fill(app, COLLECTION, data / "pool.jsonl")
        await fill(app, "versions", data / "versions.jsonl")
        for name, text in TEXTS.items():
            print(json.dumps({"search text": name, **await recall(app, cases, text)}), flush=True)
    for recency in (0.0, 0.25, 0.5, 1.0):
        async with opened(recency=recency) as app:
            print(json.dumps({"recency": recency, **await dates(app)}), flush=True)
    for diversity in (0.0, 0.1, 0.3, 0.5):
        async with opened(diversity=diversity) as app:
            found = await recall(app, cases, search_text)
            print(json.dumps({"diversity": diversity, **found}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder to keep what was ingested in")
    chosen = parser.parse_args().data
    with tempfile.TemporaryDirectory() as temporary:
        try:
            asyncio.run(measure(chosen or Path(temporary)))
        except NoData as missing:
            print(f"skipped: {missing}")


if __name__ == "__main__":
    main()
