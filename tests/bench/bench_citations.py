"""Citation precision and recall of `quote`, through ingest, search and ask, default configuration.

The measure is that of ALCE (Gao et al. 2023, arXiv:2305.14627), by gold labels in place of a model.
Run: EVAL_DATA=... PYTHONPATH=. python tests/bench/bench_citations.py [--every N]

CLAPNQ: all passages of its development set in one collection. A citation is right in its passage where
that is the question's own, and in its sentence where half of the words of the quote, or of a gold
sentence, are the other's. Precision: the right ones of all citations in answers to answerable questions.
Recall: the gold sentences that a right citation covers, and the questions whose passage is cited, of
those answered and of all answerable ones.

Sample: the showcase's questions. A citation is right where its quote holds a string of the expected
answer and none of the forbidden; recall is the expected strings that stand in a quote.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.ingest.files import find_files
from bedplate.sample import SHOWCASE, sample_path
from bedplate.terms import analyse

COVERED = 0.5


@dataclass
class Tally:
    citations: int = 0
    right: int = 0
    right_passage: int = 0
    gold: int = 0
    covered: int = 0
    answerable: int = 0
    answered: int = 0
    found: int = 0
    unanswerable: int = 0
    wrongly_answered: int = 0
    uncited: list[str] = field(default_factory=list[str])

    def told(self) -> dict[str, Any]:
        return {
            "answerable": self.answerable,
            "answered": self.answered,
            "unanswerable": self.unanswerable,
            "wrongly_answered": self.wrongly_answered,
            "citations": self.citations,
            "precision": _share(self.right, self.citations),
            "precision_passage": _share(self.right_passage, self.citations),
            "recall": _share(self.covered, self.gold),
            "passage_cited_of_answered": _share(self.found, self.answered),
            "passage_cited_of_answerable": _share(self.found, self.answerable),
            "answers_without_citation": len(self.uncited),
        }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def covers(quote: str, gold: str) -> bool:
    """Whether half of the words of one are the other's."""
    said, wanted = Counter(analyse(quote)), Counter(analyse(gold))
    shared = (said & wanted).total()
    return shared >= COVERED * max(1, min(said.total(), wanted.total()))


async def clapnq(app: App, home: Path, every: int) -> dict[str, Any]:
    asked = [
        row
        for name in ("answerable", "unanswerable")
        for row in rows(folder("qa_clapnq") / f"clapnq_{name}.jsonl")
    ]
    passages = [
        {"id": f"{row['id']}-{n}", "title": each["title"], "text": each["text"]}
        for row in asked
        for n, each in enumerate(row["passages"])
    ]
    file = home / "clapnq.jsonl"
    file.write_text("\n".join(map(json.dumps, passages)))
    await app.ingest.run(app.scope("clapnq"), find_files([str(file)], max_files=1))
    tally = Tally()
    for row in asked[::every]:
        answer = await app.ask.answer(app.question("clapnq", row["input"]))
        if not row["answerable"]:
            tally.unanswerable += 1
            tally.wrongly_answered += not answer.refused
            continue
        gold = [each for out in row["output"] for each in out["selected_sentences"]]
        tally.answerable += 1
        if answer.refused:
            continue
        tally.answered += 1
        tally.gold += len(gold)
        right: list[str] = []
        for citation in answer.citations:
            own = citation.document_id.rsplit("#")[-1].startswith(f"{row['id']}-")
            tally.citations += 1
            tally.right_passage += own
            if own and any(covers(citation.quote, each) for each in gold):
                right.append(citation.quote)
        tally.right += len(right)
        tally.covered += sum(any(covers(quote, each) for quote in right) for each in gold)
        own_cited = any(f"{row['id']}-" in each.document_id for each in answer.citations)
        tally.found += own_cited
        if not answer.citations:
            tally.uncited.append(row["id"])
    return tally.told()


async def sample(app: App, files: Sequence[str]) -> dict[str, Any]:
    await app.ingest.run(app.scope("sample"), find_files([*files], max_files=1_000))
    citations = right = gold = covered = 0
    for each in SHOWCASE:
        if each.how != "ask" or each.refused:
            continue
        answer = await app.ask.answer(app.question("sample", each.question))
        quotes = [one.quote.casefold() for one in answer.citations]
        wanted = [one.casefold() for one in each.expected]
        barred = [one.casefold() for one in each.forbidden]
        citations += len(quotes)
        right += sum(
            any(one in quote for one in wanted) and not any(one in quote for one in barred)
            for quote in quotes
        )
        gold += len(wanted)
        covered += sum(any(one in quote for quote in quotes) for one in wanted)
    return {
        "citations": citations,
        "precision": _share(right, citations),
        "expected": gold,
        "recall": _share(covered, gold),
    }


async def run(every: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home, sample_path() as files:
        arguments = {"data.dir": str(Path(home) / "data")}
        config = load_config(environment={}, arguments=arguments).config
        async with open_app(config) as app:
            return {
                "sample": await sample(app, [str(files)]),
                "clapnq": await clapnq(app, Path(home), every),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="every so many questions of CLAPNQ")
    print(json.dumps(asyncio.run(run(parser.parse_args().every)), indent=1))


if __name__ == "__main__":
    try:
        main()
    except NoData as missing:
        sys.exit(str(missing))
