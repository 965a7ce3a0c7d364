"""`scanner`: orders to a model in texts that may not give any, by rules over the undisguised text.

A model that scores texts may stand beside the rules; the higher of both counts. A judge may be asked
about texts that they are in doubt about.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import re2
from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.guard import Action, Injection, Reason, TextKind
from bedplate.guards.actions import action_of
from bedplate.guards.disguises import View, hidden, views
from bedplate.guards.expression_set import ExpressionSet, re2_options
from bedplate.guards.injection_languages import LANGUAGES
from bedplate.guards.injection_levels import Levels, read_levels
from bedplate.guards.injection_rules import RULES
from bedplate.guards.protocol import (
    DocumentGuard,
    InjectionGuard,
    InjectionModel,
    Judge,
    LocalInjectionModel,
)

WINDOW = 6_000
OVERLAP = 500
"""Characters that are looked at together, and that two neighbours share."""

PART_BYTES, RULE_BYTES = 16 << 20, 64 << 20
"""Memory of a part of the rules that are looked for together, and of one rule."""

DISGUISED = 0.5
"""How much of the doubt is taken away by an encoding, or a place that readers do not see."""

MOST_REASONS = 20
MOST_DECODED = 8
"""Of what was encoded in one text, so many stretches are shown to the model as well."""

# Rewritings that happen by chance and say nothing by themselves.
_HARMLESS = frozenset({"markup", "lookalikes", "joined", "leetspeak"})


class ScannerOptions(BaseModel):
    """A text is flagged from `threshold` on; `thresholds` are those of single kinds, which `levels`, a
    file that `bedplate calibrate injection` wrote, may hold as well.
    """

    model_config = ConfigDict(extra="forbid")
    threshold: float = Field(default=0.5, gt=0, le=1)
    thresholds: Mapping[TextKind, float] = Field(default_factory=dict[TextKind, float])
    levels: Path | None = None
    workers: int = Field(default=2, gt=0, le=64)

    def threshold_of(self, kind: TextKind, levels: Levels) -> float:
        """What is set for the kind, was measured for it, or holds for all."""
        return self.thresholds.get(kind, levels.get(kind, self.threshold))


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was encoded in a text, how, and where."""

    text: str
    how: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """What speaks against a text, and what was encoded in it, with where."""

    score: float
    reasons: list[Reason]
    decoded: list[Decoded]


class Scanner:
    def __init__(
        self,
        options: ScannerOptions,
        actions: Mapping[TextKind, Action],
        pool: ThreadPoolExecutor,
        model: InjectionModel | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._options = options
        self._levels: Levels = read_levels(options.levels) if options.levels else {}
        self._actions = actions
        self._pool = pool
        self._model = model
        self._judge = judge
        self._rules = (*RULES, *LANGUAGES)
        own, all_ = len(RULES), len(self._rules)
        self._any = ExpressionSet(
            [rule.expression for rule in self._rules],
            [range(0, own, 2), range(1, own, 2), range(own, all_, 2), range(own + 1, all_, 2)],
            memory=PART_BYTES,
        )
        settings = re2_options(RULE_BYTES)
        self._expressions = [cast("Any", re2).compile(r.expression, settings) for r in self._rules]

    async def check(
        self, texts: Sequence[str], kind: TextKind, account: Account = LOCAL
    ) -> list[Injection]:
        scored = await self._scored(texts, kind)
        if self._judge is not None:
            doubtful = [
                n for n, (s, _) in enumerate(scored) if self._judge.above <= s < self._judge.below
            ]
            said = await self._judge.model.score([texts[n] for n in doubtful], kind, account)
            for n, verdict in zip(doubtful, said, strict=True):
                # The places that were found stay: a judge only says how sure it is.
                others = [r for r in scored[n][1] if r.rule != verdict[0].rule]
                scored[n] = verdict[0].score, [verdict[0], *others]
        return [self._judged(score, why, kind) for score, why in scored]

    async def _scored(
        self, texts: Sequence[str], kind: TextKind
    ) -> list[tuple[float, list[Reason]]]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._pool, lambda: [self.found(text, kind) for text in texts]
        )
        if self._model is None or not texts:
            return [(each.score, each.reasons) for each in found]
        shown = _shown(texts, found)
        return _joined(texts, found, await self._model.score(shown, kind))

    def looked(
        self, text: str, kind: TextKind, model: LocalInjectionModel | None
    ) -> tuple[float, list[Reason]]:
        """The score and reasons of one text by the rules and a model that runs here."""
        found = self.found(text, kind)
        if model is None:
            return found.score, found.reasons
        return _joined([text], [found], model.look(_shown([text], [found]), kind))[0]

    def threshold(self, kind: TextKind) -> float:
        return self._options.threshold_of(kind, self._levels)

    def reasons(self, text: str, kind: TextKind) -> tuple[float, list[Reason]]:
        """The score by rules alone, and what speaks for it, strongest first."""
        found = self.found(text, kind)
        return found.score, found.reasons

    def found(self, text: str, kind: TextKind) -> Found:
        best, found = 0.0, dict[tuple[str, int], Reason]()
        decoded: list[Decoded] = []
        for start in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP):
            doubt = 1.0
            strongest: dict[str, float] = {}
            unveiled = views(text[start : start + WINDOW])
            decoded += [
                Decoded(view.text, view.how, view.places[0] + start, view.places[-1] + start + 1)
                for view in unveiled
                if view.text.strip() and not _HARMLESS.issuperset(view.how)
            ]
            for reason in self._window(text[start : start + WINDOW], unveiled, kind):
                name = reason.rule.partition(" (")[0]
                strongest[name] = max(strongest.get(name, 0.0), reason.score)
                moved = Reason(
                    reason.rule, reason.score, reason.start + start, reason.end + start, reason.how
                )
                known = found.get((name, moved.start))
                if known is None or known.score < moved.score:
                    found[name, moved.start] = moved
            for score in strongest.values():
                doubt *= 1 - score
            best = max(best, 1 - doubt)
        ordered = sorted(found.values(), key=lambda reason: (-reason.score, reason.start))
        return Found(round(best, 4), ordered[:MOST_REASONS], decoded[:MOST_DECODED])

    def _window(self, text: str, unveiled: Sequence[View], kind: TextKind) -> Iterator[Reason]:
        unseen = list(hidden(text))
        for view in unveiled:
            bare = view.text.encode("utf-8", "replace").decode() if view.text else ""
            for index in self._any.matches(bare):
                rule = self._rules[index]
                weight = rule.weight(kind)
                if not weight:
                    continue
                match = self._expressions[index].search(bare)
                start, end = view.span(*match.span())
                where = [how for a, b, how in unseen if a <= start and end <= b]
                how = (*where, *view.how)
                if not _HARMLESS.issuperset(how):
                    weight = 1 - (1 - weight) * DISGUISED
                yield Reason(rule.name, round(weight, 4), start, end, how)

    def _judged(self, score: float, reasons: Sequence[Reason], kind: TextKind) -> Injection:
        if score < self.threshold(kind):
            return Injection(score, "allow", tuple(reasons))
        return Injection(score, action_of(self._actions, kind, reasons), tuple(reasons))


def _shown(texts: Sequence[str], found: Sequence[Found]) -> list[str]:
    """What the model is asked about: each text, and behind it what was encoded there."""
    shown: list[str] = []
    for text, each in zip(texts, found, strict=True):
        shown += [text, *(view.text for view in each.decoded)]
    return shown


def _joined(
    texts: Sequence[str], found: Sequence[Found], said: Sequence[Sequence[Reason]]
) -> list[tuple[float, list[Reason]]]:
    """The higher of rules and model; what the model says of an encoded stretch is where that lies."""
    rest, joined = iter(said), list[tuple[float, list[Reason]]]()
    for _, each in zip(texts, found, strict=True):
        by_model = list(next(rest))
        for view in each.decoded:
            best = next(rest)[0]
            by_model.append(Reason(best.rule, best.score, view.start, view.end, view.how))
        by_model.sort(key=lambda reason: -reason.score)
        surer = [r for r in by_model if r.score > each.score] or by_model[:1]
        # Rules point more exactly: no more is dropped than they say where both found something.
        surer = [
            Reason(r.rule, r.score, how=r.how) if _pointed(r, each.reasons) else r for r in surer
        ]
        reasons = sorted([*each.reasons, *surer], key=lambda reason: -reason.score)
        joined.append((max(each.score, by_model[0].score), reasons[:MOST_REASONS]))
    return joined


def _pointed(reason: Reason, others: Sequence[Reason]) -> bool:
    return any(each.start < reason.end and reason.start < each.end for each in others)


@asynccontextmanager
async def open_scanner(
    options: Mapping[str, Any],
    *,
    actions: Mapping[TextKind, Action],
    model: InjectionModel | None = None,
    judge: Judge | None = None,
) -> AsyncGenerator[InjectionGuard]:
    chosen = ScannerOptions.model_validate(dict(options))
    with ThreadPoolExecutor(chosen.workers, thread_name_prefix="injection") as pool:
        yield Scanner(chosen, actions, pool, model, judge)


class InjectionDocuments:
    """Keeps documents with orders to a model out of an index."""

    def __init__(self, scanner: Scanner, model: LocalInjectionModel | None) -> None:
        self._scanner = scanner
        self._model = model

    def reasons(self, text: str) -> Counter[str]:
        score, reasons = self._scanner.looked(text, "document", self._model)
        if score < self._scanner.threshold("document"):
            return Counter()
        return Counter({"INJECTION": len(reasons)})


@asynccontextmanager
async def open_injection_documents(
    options: Mapping[str, Any], *, model: LocalInjectionModel | None = None
) -> AsyncGenerator[DocumentGuard]:
    chosen = ScannerOptions.model_validate(dict(options))
    with ThreadPoolExecutor(1, thread_name_prefix="injection") as pool:
        yield InjectionDocuments(Scanner(chosen, {}, pool), model)
