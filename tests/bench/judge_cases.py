"""Answers with passages of which people said whether they are supported, from the public sets."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from tests.bench.evaluation import folder, rows

from bedplate.domain.chat import Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.judges.protocol import Case

FOLDS = 5


@dataclass(frozen=True)
class Labelled:
    """`group` keeps rows of one source in one fold."""

    source: str
    id: str
    case: Case
    answer: str
    supported: bool
    group: str

    @property
    def fold(self) -> int:
        return zlib.crc32(self.group.encode()) % FOLDS


def passage(number: int, text: str, title: str = "") -> Passage:
    hit = Hit(DocumentId(title), ChunkId(f"#{number}"), 1.0, text, title, "", 0, len(text))
    return Passage(number, hit)


def labelled() -> list[Labelled]:
    """HaluEval QA, BEGIN, SciFact claims and WiCE; "partially supported" is not supported."""
    return [*_halueval(), *_begin(), *_scifact(), *_wice()]


def _halueval() -> Iterator[Labelled]:
    for row in rows(folder("groundedness") / "halueval_qa.jsonl"):
        case = Case(row["question"], (passage(1, row["context"]),))
        group = row["id"].rsplit("-", 1)[0]
        yield Labelled("halueval", row["id"], case, row["answer"], row["label"] == 0, group)


def _begin() -> Iterator[Labelled]:
    for row in rows(folder("groundedness") / "begin_dev.jsonl"):
        case = Case(row["message"], (passage(1, row["context"]),))
        yield Labelled("begin", row["id"], case, row["answer"], row["label"] == 0, row["context"])


def _scifact() -> Iterator[Labelled]:
    for row in rows(folder("groundedness") / "scifact_claims_train.jsonl"):
        case = Case("", (passage(1, "\n\n".join(row["context_sentences"])),))
        supported = row["evidence_label"] == "SUPPORT"
        yield Labelled("scifact", row["id"], case, row["claim"], supported, row["doc_id"])


def _wice() -> Iterator[Labelled]:
    for row in rows(folder("groundedness") / "wice_claim_dev.jsonl"):
        case = Case("", (passage(1, "\n\n".join(row["evidence"])),))
        supported = row["label"] == "supported"
        group = row["meta"]["claim_title"]
        yield Labelled("wice", row["id"], case, row["claim"], supported, group)


def auroc(scores: np.ndarray, supported: np.ndarray) -> float:
    """The chance that a supported answer scores above another; ties count half."""
    good, bad = scores[supported], np.sort(scores[~supported])
    below, upto = (np.searchsorted(bad, good, side) for side in ("left", "right"))
    return float(((below + upto) / 2).mean() / len(bad))
