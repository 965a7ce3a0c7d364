"""What an epoch is made of: segments of texts with a target a head."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from training.encoder.batches import CLS, IGNORED, SEP, Example
from training.injection.composed import asked, chained, crossed, pasted
from training.injection.forms import made
from training.injection.injected import carried, injected, order, shown
from training.injection.phrases import MADE, Phrases, languages
from training.injection.sources import LANGUAGES, Text, attacks, by_source, goals, signalling

from bedplate.encoder import Pieces
from bedplate.guards.segments import cut
from bedplate.guards.words import kinds_of, words_of

WIDEST = 254
"""Word pieces of a segment that are looked at together."""

CLEAN = (
    *(f"articles_{language}" for language in LANGUAGES), "procedures", "policies", "products",
    "agentdojo", "files", "corpora", "passages", "tables",
)  # fmt: skip
"""Sources of documents that nobody put an order into."""

ASKED = {f"xquad_{language}": 160 if language == "zh" else 90 for language in LANGUAGES}
"""Questions an epoch; Chinese ones are the hardest, as most of their signs are none of the vocabulary's."""

COLLECTED = 2
"""How often an epoch has the prompts that others collected: those made here are five times as many."""

CLEANED = {"corpora": 258, "files": 203}
"""Clean documents an epoch of the sources that are the hardest: all of them."""

PROMPT, DOCUMENT = 0, 1
"""The heads, in the order of the model's output."""


class Mix:
    """`texts` are those that may be learnt from; `size` scales what is made and sampled."""

    def __init__(
        self, texts: Sequence[Text], tokenizer: Any, *, size: float = 1.0, made: bool = True
    ) -> None:
        self._sources = by_source(texts)
        self._tokenizer = tokenizer
        self._size = size
        self._made = made
        self._signalling = signalling()
        self._goals = goals()
        self._known = {kind: attacks(kind, unseen=False) for kind in ("text", "code")}

    def epoch(self, number: int, draw: random.Random) -> list[Example]:
        return [*self._prompts(draw), *self._documents(draw)]

    def _of(self, *names: str) -> list[Text]:
        return [text for name in names for text in self._sources.get(name, [])]

    def _prompts(self, draw: random.Random) -> Iterator[Example]:
        for _ in range(COLLECTED):
            yield from self._collected(draw)
        yield from self._foreign(draw)
        if self._made:
            yield from self._templates(draw)
            yield from self._pasted(draw)

    def _collected(self, draw: random.Random) -> Iterator[Example]:
        for text in self._of("deepset", "deepset", "xstest", "wildguard_benign"):
            times = 2 if text.label else 1
            for _ in range(times):
                yield from self._some(text, draw, most=2)
        for text in self._of("notinject", "notinject", *["extraction"] * 4):
            yield from self._some(text, draw)
        for text in self._of("jailbreaks"):
            yield from self._some(text, draw, most=3, first=0.8)

    def _foreign(self, draw: random.Random) -> Iterator[Example]:
        for text in self._of(*["cyberseceval", "cyberseceval_17"] * COLLECTED):
            if text.group in self._signalling:
                yield from self._some(text, draw, most=3)
        for text in draw.sample(self._of("requests"), k=self._count(1_000, "requests")):
            yield from self._some(text, draw)
        for name in (name for name in self._sources if name.startswith("xquad_")):
            for text in draw.sample(self._sources[name], k=self._count(ASKED[name], name)):
                yield from self._some(text, draw)
        for text in self._of("system_prompts"):
            yield from self._some(text, draw, weight=0.5)

    def _templates(self, draw: random.Random) -> Iterator[Example]:
        for name, label, count in (("requests", 0, 1_000), ("attacks", 1, 350)):
            for _ in range(int(count * self._size)):
                yield from self._some(Text(made(name, draw), label, "made", ""), draw)
        for language in languages():
            phrases = Phrases(language, draw)
            many = MADE.get(language, 3)
            for _ in range(int(26 * many * self._size)):
                yield from self._some(Text(phrases.attack(), 1, "made", ""), draw)
            for _ in range(int(34 * many * self._size)):
                yield from self._some(Text(phrases.benign(), 0, "made", ""), draw)
            for n in range(int(8 * (8 if language == "en" else 1) * self._size)):
                label = n % 2
                put = (
                    pasted(phrases, language, draw, attack=bool(label)),
                    chained(phrases, draw, attack=bool(label)),
                    crossed(draw, attack=bool(label)),
                )
                for text in put:
                    yield from self._some(Text(text, label, "made", ""), draw, most=2)

    def _pasted(self, draw: random.Random) -> Iterator[Example]:
        """Long prompts: documents that a user wants something done with, some with an attack in them."""
        hosts = [
            text for name in (*CLEAN, "bipia_email", "bipia_table", "bipia_code")
            for text in draw.sample(self._sources.get(name, []), k=self._count(60, name))
            if not text.label
        ]  # fmt: skip
        for host in hosts:
            text = asked(host.text, "en" if draw.random() < 0.7 else _language(host), draw)
            yield from self._some(Text(text, 0, "pasted", ""), draw, most=2)
        for host in draw.sample(hosts, k=min(len(hosts), int(420 * self._size))):
            language = draw.choice(list(languages())) if draw.random() < 0.4 else "en"
            put = injected(host, Phrases(language, draw).attack(), draw)
            yield from self._some(replace(put, kind="prompt"), draw, most=2)

    def _documents(self, draw: random.Random) -> Iterator[Example]:
        clean = self._of("bipia_email", "bipia_table", "bipia_code")
        for text in clean:
            yield from self._some(text, draw, most=2)
        hosts = [text for text in clean if not text.label]
        others = [
            text for name in CLEAN if name in self._sources
            for text in draw.sample(self._sources[name], k=self._count(CLEANED.get(name, 110), name))
        ]  # fmt: skip
        phrases = [Phrases(language, draw) for language in languages()]
        mails = [Text(mail, 0, "mail", "", "document") for p in phrases for mail in p.mails(5)]
        mails += [Text(mail, 0, "mail", "", "document") for mail in Phrases("en", draw).mails(200)]
        english = Phrases("en", draw)
        mails += [
            Text(english.one("answer"), 0, "answers", "", "document")
            for _ in range(int(110 * self._size))
        ]
        mails += [
            Text(made("notices", draw), 0, "notices", "", "document")
            for _ in range(int(500 * self._size))
        ]
        for text in [*others, *mails, *hosts]:
            most = 2 if text.source in CLEANED else 1
            yield from self._some(
                shown(text, draw) if draw.random() < 0.25 else text, draw, most=most
            )
        asked = [text.text for text in self._of("requests") if len(text.text) < 150]
        for host in draw.sample([*others, *mails, *hosts * 3], k=int(1_500 * self._size)):
            known = self._known["code" if host.source == "bipia_code" else "text"]
            put = injected(host, order(draw, known, self._goals, asked), draw)
            yield from self._some(shown(put, draw) if draw.random() < 0.25 else put, draw, most=2)

        yield from self._carried(draw)

    def _carried(self, draw: random.Random) -> Iterator[Example]:
        for language in languages():
            phrases = Phrases(language, draw)
            for n in range(int(16 * MADE.get(language, 3) * self._size)):
                yield from self._some(carried(phrases, draw, attack=bool(n % 2)), draw)

    def _count(self, wanted: int, name: str) -> int:
        return min(len(self._sources.get(name, [])), int(wanted * self._size))

    def _some(
        self,
        text: Text,
        draw: random.Random,
        *,
        most: int = 1,
        first: float = 0.5,
        weight: float = 1.0,
    ) -> Iterator[Example]:
        """At most so many segments of a text, the one with the order first, with what each shows."""
        stretches = list(cut(text.text))
        labels = {each: _label(text, each) for each in stretches}
        known = [each for each in stretches if labels[each] is not None]
        draw.shuffle(known)
        if text.attack is not None:
            known.sort(key=lambda each: -(labels[each] or 0))
        elif draw.random() < first and stretches[0] in known:
            known.insert(0, known.pop(known.index(stretches[0])))
        for each in known[:most]:
            ids, kinds = read(text.text[slice(*each)], self._tokenizer)
            if ids:
                target = [float(IGNORED), float(IGNORED)]
                target[PROMPT if text.kind == "prompt" else DOCUMENT] = float(labels[each] or 0)
                yield Example([CLS, *ids, SEP], target, [0, *kinds, 0], weight)


def read(segment: str, tokenizer: Any) -> tuple[list[int], list[int]]:
    """Its word pieces, and the kind of each."""
    encoded = tokenizer.encode(segment, add_special_tokens=False)
    kinds = kinds_of(segment, words_of(segment, Pieces(encoded.ids, encoded.offsets)))
    return encoded.ids[:WIDEST], kinds[:WIDEST]


def _language(text: Text) -> str:
    """Of an article; others are English, or nearly so."""
    return text.source.removeprefix("articles_") if text.source.startswith("articles_") else "en"


def _label(text: Text, stretch: tuple[int, int]) -> int | None:
    """What a segment shows of an order: most of it, nothing, or too little to say."""
    if text.attack is None:
        return text.label
    start, end = text.attack
    shared = min(end, stretch[1]) - max(start, stretch[0])
    if shared <= 0:
        return 0
    return 1 if shared >= min(0.6 * (end - start), 120) else None
