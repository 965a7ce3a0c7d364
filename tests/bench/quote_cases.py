"""Questions with the passages that a plain hybrid retrieval over one collection finds.

SQuAD 2.0: the collection of a question is its article's paragraphs. CLAPNQ: all passages pooled.
Retrieval is in memory, BM25 (k1 1.6, b 0.75, title three times) and cosine, z-mixed .4 to .6.
"""

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from evaluation import folder, rows

from bedplate.domain.chat import ChatRequest, Message, Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.embedders.protocol import Embedder, LateVectors, Matrix, Spans, gives_tokens
from bedplate.rag.follow_up import whole_question
from bedplate.terms import analyse


@dataclass(frozen=True, slots=True)
class Case:
    """`group` is the article or "clapnq"; `answers` is empty for a question without an answer."""

    id: str
    set: str
    group: str
    answers: tuple[str, ...]
    answerable: bool
    request: ChatRequest


@dataclass(frozen=True, slots=True)
class Text:
    id: str
    title: str
    text: str


class Collection:
    def __init__(self, texts: Sequence[Text], vectors: np.ndarray) -> None:
        self.texts, self.vectors = texts, vectors
        self.terms = [Counter(analyse(" ".join([t.title] * 3 + [t.text]))) for t in texts]
        self.lengths = np.array([sum(c.values()) for c in self.terms], dtype=float)
        seen = Counter(term for c in self.terms for term in c)
        self.idf = {t: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for t, n in seen.items()}

    def search(self, question: str, vector: np.ndarray, limit: int = 8) -> tuple[Passage, ...]:
        bm25 = np.zeros(len(self.texts))
        norm = 1.6 * (0.25 + 0.75 * self.lengths / self.lengths.mean())
        for term in analyse(question):
            tf = np.array([c.get(term, 0) for c in self.terms], dtype=float)
            bm25 += self.idf.get(term, 0.0) * tf * 2.6 / (tf + norm)
        cosine = self.vectors @ vector
        score = 0.4 * _z(bm25) + 0.6 * _z(cosine)
        order = sorted(range(len(score)), key=lambda i: (-score[i], self.texts[i].id))[:limit]
        return tuple(
            Passage(
                n,
                Hit(
                    document_id=DocumentId(self.texts[i].id),
                    chunk_id=ChunkId(self.texts[i].id + "#0"),
                    score=float(score[i]),
                    text=self.texts[i].text,
                    title=self.texts[i].title.replace("_", " "),
                    source=self.texts[i].id,
                    start=0,
                    end=len(self.texts[i].text),
                    cosine=float(cosine[i]),
                    bm25=float(bm25[i]),
                ),
            )
            for n, i in enumerate(order, 1)
        )


def _z(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(values.std(), 1e-9)


async def squad_cases(embedder: Embedder, off_topic: int = 90) -> list[Case]:
    """Every question over its own article, then `off_topic` answerable questions of the other
    articles asked of each article."""
    articles: dict[str, list[Text]] = {}
    for row in rows(folder("qa_squad2") / "paragraphs.jsonl"):
        articles.setdefault(row["title"], []).append(Text(row["_id"], row["title"], row["text"]))
    questions = list(rows(folder("qa_squad2") / "questions.jsonl"))
    vectors = await embedder.embed([q["question"] for q in questions])
    cases: list[Case] = []
    rng = np.random.default_rng(20261122)
    for title, texts in articles.items():
        collection = Collection(texts, await embedder.embed([t.text for t in texts]))
        own = [i for i, q in enumerate(questions) if q["title"] == title]
        others = [
            i for i, q in enumerate(questions) if q["title"] != title and not q["is_impossible"]
        ]
        for i in own:
            q = questions[i]
            found = collection.search(q["question"], vectors[i])
            cases.append(
                Case(
                    id=q["id"],
                    set="squad",
                    group=title,
                    answers=tuple(q["answers"]),
                    answerable=not q["is_impossible"],
                    request=_request(q["question"], found),
                )
            )
        for i in map(int, rng.choice(others, size=min(off_topic, len(others)), replace=False)):
            q = questions[i]
            found = collection.search(q["question"], vectors[i])
            cases.append(
                Case(
                    id=f"{q['id']}@{title}",
                    set="off-topic",
                    group=title,
                    answers=(),
                    answerable=False,
                    request=_request(q["question"], found),
                )
            )
    return cases


async def clapnq_cases(embedder: Embedder) -> list[Case]:
    asked = [
        row
        for name in ("answerable", "unanswerable")
        for row in rows(folder("qa_clapnq") / f"clapnq_{name}.jsonl")
    ]
    texts = [
        Text(f"{row['id']}-{n}", passage["title"], passage["text"])
        for row in asked
        for n, passage in enumerate(row["passages"])
    ]
    collection = Collection(texts, await embedder.embed([t.text for t in texts]))
    vectors = await embedder.embed([row["input"] for row in asked])
    return [
        Case(
            id=row["id"],
            set="clapnq",
            group="clapnq",
            answers=tuple(s for o in row["output"] for s in o["selected_sentences"]),
            answerable=bool(row["answerable"]),
            request=_request(row["input"], collection.search(row["input"], vector)),
        )
        for row, vector in zip(asked, vectors, strict=True)
    ]


async def mtrag_cases(embedder: Embedder) -> list[Case]:
    """MTRAG-UN's last turns, made whole by rule as a chat makes them, over all contexts of their
    collection. Only those that are answerable or not: the rest asks back, or is answered in part.
    """
    asked = list(rows(folder("qa_mtrag_un") / "tasks.jsonl"))
    cases: list[Case] = []
    for name in sorted({row["Collection"] for row in asked}):
        own = [row for row in asked if row["Collection"] == name]
        contexts = {c["document_id"]: c["text"].strip() for row in own for c in row["contexts"]}
        texts = [Text(key, "", text) for key, text in sorted(contexts.items())]
        collection = Collection(texts, await embedder.embed([t.text for t in texts]))
        for row in own:
            kind = row["answerability"][0]
            if kind not in ("ANSWERABLE", "UNANSWERABLE"):
                continue
            *before, last = [Message(_ROLES[t["speaker"]], t["text"]) for t in row["input"]]
            whole = whole_question(last.content, before)
            wanted = whole or last.content
            (vector,) = await embedder.embed([wanted])
            request = ChatRequest((last,), passages=collection.search(wanted, vector), whole=whole)
            cases.append(Case(row["task_id"], "mtrag", name, (), kind == "ANSWERABLE", request))
    return cases


_ROLES: dict[str, Literal["user", "assistant"]] = {"user": "user", "agent": "assistant"}


def _request(question: str, passages: tuple[Passage, ...]) -> ChatRequest:
    return ChatRequest(messages=(Message("user", question),), passages=passages)


_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = re.compile(r"[^\w\s]")


def normalised(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces: SQuAD's own measure."""
    return " ".join(_ARTICLES.sub(" ", _PUNCTUATION.sub("", text.lower())).split())


def contains(answer: str, golds: Sequence[str]) -> bool:
    """Whether any gold answer stands in `answer` as whole words."""
    inside = f" {normalised(answer)} "
    return any(f" {normalised(g)} " in inside for g in golds if normalised(g))


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    order = np.argsort(scores, kind="mergesort")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        tied = scores == value
        ranks[tied] = ranks[tied].mean()
    n = positive.sum()
    return float((ranks[positive].sum() - n * (n + 1) / 2) / max(n * (len(scores) - n), 1))


def is_held_out(case: Case) -> bool:
    """The half of CLAPNQ that no weight has seen."""
    return case.set == "clapnq" and zlib.crc32(case.id.encode()) % 2 == 1


class Remembering:
    """The bundled embedder, which encodes every text once; an article's passages return all the time."""

    def __init__(self, embedder: Embedder) -> None:
        if not gives_tokens(embedder):
            raise TypeError("the bundled embedder gives token vectors")
        self._embedder = embedder
        self.fingerprint = embedder.fingerprint
        self.dimensions = embedder.dimensions
        self.token_width = embedder.token_width
        self._found: dict[str, LateVectors] = {}

    async def embed(self, texts: Sequence[str]) -> Matrix:
        return await self._embedder.embed(texts)

    async def embed_late(self, texts: Sequence[str]) -> list[LateVectors]:
        missing = [t for t in dict.fromkeys(texts) if t not in self._found]
        for text, vectors in zip(missing, await self._embedder.embed_late(missing), strict=True):
            self._found[text] = vectors
        return [self._found[t] for t in texts]

    async def late_spans(self, texts: Sequence[str]) -> list[Spans]:
        return await self._embedder.late_spans(texts)
