"""Which sentences make the answer, and in which order; or none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bedplate.domain.chat import Passage
from bedplate.domain.ids import DocumentId
from bedplate.models.quote_clause import cut_clause, overlap_worth, size
from bedplate.models.quote_freshness import superseded
from bedplate.models.quote_question import type_match
from bedplate.models.quote_reader import Reading, SpanReader, describe_reading
from bedplate.models.quote_refusal import AnswerOdds, describe
from bedplate.models.quote_scoring import Asked, Column, Encoded, Scored, score_sentences
from bedplate.terms import analyse

MOST_SENTENCES = 3
MOST_ITEMS = 8
LIST_WORDS = 80
NEW_SHARE = 0.12
"""How much better than before a further sentence must meet the question, as a share of it."""
ABOUT_AS_NEAR = 0.75
"""What share of the best one's nearness lets another document be shown beside it."""
BROWSING_EASE = 1.6
"""Things to choose from need not answer anything: their chance counts for so much more."""
TYPE_WORTH = 0.25
ECHO_WORDS = 3
REPEATED = 0.6


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of a passage, `text[start:end]`; `item` when they are an item of a list."""

    passage: Passage
    start: int
    end: int
    item: bool = False

    @property
    def text(self) -> str:
        return self.passage.hit.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Choice:
    """`pieces` in passage order, whether or not they are good enough; `probability` is the chance
    that the best of them answers.
    """

    pieces: tuple[Piece, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Material:
    asked: Asked
    passages: tuple[Passage, ...]
    encoded: tuple[Encoded, ...]


@dataclass(frozen=True, slots=True)
class Means:
    """What decides whether the best sentence answers, and, where there is one, what reads it. The
    odds are those fitted with or without a reader.
    """

    odds: AnswerOdds
    reader: SpanReader | None = None


def choose(material: Material, means: Means, limit: int) -> Choice:
    """The answer's sentences, each cut to `limit` words. Blocks for as long as the reader reads."""
    if not any(e.sentences for e in material.encoded):
        return Choice((), 0.0)
    question = material.asked.question
    scored = score_sentences(material.asked, material.encoded)
    gone = superseded(material.passages, [e.text for e in material.encoded], scored, question.years)
    barred = gone | np.array([_echoes(material.asked, words) for words in scored.words])
    score: Column = np.where(barred & ~barred.all(), -np.inf, scored.score)
    top = int(np.argmax(score))
    features = describe(material.asked, material.encoded, scored, top)
    reading: Reading | None = None
    place = int(scored.passage[top])
    if means.reader is not None:
        reading = means.reader.read(question.text, material.encoded[place], scored.span(top))
        features |= describe_reading(reading, scored.span(top))
    chance = means.odds.probability(features)
    rows = _rows(material, scored, score, top)
    return Choice(
        pieces=tuple(_pieces(material, scored, {place: reading}, rows, limit)),
        probability=min(1.0, chance * BROWSING_EASE) if question.browsing else chance,
    )


def _echoes(asked: Asked, words: str) -> bool:
    """Whether a few words only repeat some of the question's, and so answer nothing."""
    return len(words.split()) <= ECHO_WORDS and set(analyse(words)) <= set(asked.terms)


def _rows(material: Material, scored: Scored, score: Column, top: int) -> list[int]:
    """The chosen sentences, in reading order."""
    question = material.asked.question
    if listed := _list_around(scored, top, several=question.several):
        return listed
    if question.browsing:
        chosen = _of_other_documents(material, scored, score, top)
    elif question.several:
        chosen = _covering(scored, score, top)
    else:
        chosen = [top]
    return sorted(chosen)


def _list_around(scored: Scored, top: int, *, several: bool) -> list[int]:
    """A lead-in with its items, when the best sentence is the lead-in, or an item and the
    question asks for several; empty otherwise.
    """
    best = scored.sentences[top]
    lead = (best.start, best.end) if best.form == "lead" else best.context if several else None
    here = [i for i in range(len(scored.sentences)) if scored.passage[i] == scored.passage[top]]
    found = [
        i for i in here if scored.sentences[i].form == "lead"
        and (scored.sentences[i].start, scored.sentences[i].end) == lead
    ]  # fmt: skip
    if not found:
        return []
    words = 0.0
    for i in (i for i in here if scored.sentences[i].context == lead):
        words += size(scored.words[i])
        if len(found) > MOST_ITEMS or words > LIST_WORDS:
            break
        found.append(i)
    return found


def _of_other_documents(material: Material, scored: Scored, score: Column, top: int) -> list[int]:
    """The best sentence, and those of the first other documents that are about as near to the
    question, in the retrieval's order: to choose from.
    """
    cosine = np.array([e.cosine for e in material.encoded])
    near = (cosine >= ABOUT_AS_NEAR * cosine.max(initial=0.0))[scored.passage]
    chosen = [top]
    seen = {_document(material, scored, top)}
    for place, passage in enumerate(material.passages):
        here = np.flatnonzero((scored.passage == place) & near & np.isfinite(score))
        if len(chosen) == MOST_SENTENCES or not len(here):
            continue
        best = int(here[np.argmax(score[here])])
        if passage.hit.document_id not in seen and not _repeats(scored, best, chosen):
            chosen.append(best)
            seen.add(passage.hit.document_id)
    return chosen


def _document(material: Material, scored: Scored, row: int) -> DocumentId:
    return material.passages[int(scored.passage[row])].hit.document_id


def _covering(scored: Scored, score: Column, top: int) -> list[int]:
    """Greedily, the sentences that meet what the ones before left unmet."""
    chosen, met = [top], scored.alignment[top]
    while len(chosen) < MOST_SENTENCES:
        better = np.maximum(scored.alignment, met) @ scored.token_weights
        gain = better - float(met @ scored.token_weights)
        usable = [
            i
            for i in np.flatnonzero(np.isfinite(score))
            if gain[i] >= NEW_SHARE and i not in chosen and not _repeats(scored, int(i), chosen)
        ]
        if not usable:
            break
        best = max(usable, key=lambda i: (score[i], -i))
        chosen.append(int(best))
        met = np.maximum(met, scored.alignment[best])
    return chosen


def _repeats(scored: Scored, i: int, chosen: Sequence[int]) -> bool:
    own = set(analyse(scored.words[i]))
    others = (set(analyse(scored.words[j])) for j in chosen)
    return any(len(own & o) / max(len(own | o), 1) >= REPEATED for o in others)


def _pieces(
    material: Material,
    scored: Scored,
    read: Mapping[int, Reading | None],
    rows: Sequence[int],
    limit: int,
) -> Iterator[Piece]:
    question = material.asked.question
    overlap = overlap_worth(material.asked.terms, scored.weight)

    def worth(text: str) -> float:
        return overlap(analyse(text)) + TYPE_WORTH * type_match(question, text)

    for i in rows:
        place, span = int(scored.passage[i]), scored.span(i)
        passage = material.passages[place]
        reading = read.get(place)
        said = reading.within(span) if reading else None
        start, end = cut_clause(passage.hit.text, span, limit, worth, said[1] if said else None)
        listed = scored.sentences[i].form == "item" and len(rows) > 1
        yield Piece(passage, start, end, item=listed)
