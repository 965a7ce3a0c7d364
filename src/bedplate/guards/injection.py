"""`scanner`: orders to a model in texts that may not give any, by rules over the undisguised text.

A model that scores texts may stand beside the rules; the higher of both counts.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, cast

import re2
from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.guard import Action, Injection, Reason, TextKind
from bedplate.guards.actions import action_of
from bedplate.guards.disguises import hidden, views
from bedplate.guards.injection_rules import LANGUAGES, RULES
from bedplate.guards.protocol import DocumentGuard, InjectionGuard, InjectionModel

WINDOW = 6_000
OVERLAP = 500
"""Characters that are looked at together, and that two neighbours share."""

DISGUISED = 0.5
"""How much of the doubt is taken away by an encoding, or a place that readers do not see."""

MOST_REASONS = 20

# Rewritings that happen by chance and say nothing by themselves.
_HARMLESS = frozenset({"markup", "lookalikes", "joined", "leetspeak"})


class ScannerOptions(BaseModel):
    """A text is flagged from `threshold` on; `thresholds` are those of single kinds."""

    model_config = ConfigDict(extra="forbid")
    threshold: float = Field(default=0.5, gt=0, le=1)
    thresholds: Mapping[TextKind, float] = Field(default_factory=dict[TextKind, float])
    workers: int = Field(default=2, gt=0, le=64)


class Scanner:
    def __init__(
        self,
        options: ScannerOptions,
        actions: Mapping[TextKind, Action],
        pool: ThreadPoolExecutor,
        model: InjectionModel | None = None,
    ) -> None:
        self._options = options
        self._actions = actions
        self._pool = pool
        self._model = model
        self._rules = (*RULES, *LANGUAGES)
        settings = cast("Any", re2).Options()
        settings.max_mem = 64 << 20
        settings.log_errors = False
        self._any = cast("Any", re2).Set.SearchSet(settings)
        for rule in self._rules:
            self._any.Add(rule.expression)
        self._any.Compile()
        self._expressions = [cast("Any", re2).compile(r.expression, settings) for r in self._rules]

    async def check(self, texts: Sequence[str], kind: TextKind) -> list[Injection]:
        loop = asyncio.get_running_loop()
        reasons = await loop.run_in_executor(
            self._pool, lambda: [self.reasons(text, kind) for text in texts]
        )
        scores = (
            await self._model.score(texts, kind) if self._model and texts else [0.0] * len(texts)
        )
        return [
            self._judged(found, score, kind) for found, score in zip(reasons, scores, strict=True)
        ]

    def reasons(self, text: str, kind: TextKind) -> tuple[float, list[Reason]]:
        """The score by rules alone, and what speaks for it, strongest first."""
        best, found = 0.0, dict[tuple[str, int], Reason]()
        for start in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP):
            doubt = 1.0
            strongest: dict[str, float] = {}
            for reason in self._window(text[start : start + WINDOW], kind):
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
        return round(best, 4), ordered[:MOST_REASONS]

    def _window(self, text: str, kind: TextKind) -> Iterator[Reason]:
        unseen = list(hidden(text))
        for view in views(text):
            bare = view.text.encode("utf-8", "replace").decode() if view.text else ""
            hits: Sequence[int] = self._any.Match(bare) or ()
            for index in hits:
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

    def _judged(
        self, found: tuple[float, list[Reason]], by_model: float, kind: TextKind
    ) -> Injection:
        score, reasons = found
        if by_model > score:
            reasons = [Reason("model", round(by_model, 4)), *reasons]
        score = max(score, round(by_model, 4))
        threshold = self._options.thresholds.get(kind, self._options.threshold)
        if score < threshold:
            return Injection(score, "allow", tuple(reasons))
        return Injection(score, action_of(self._actions, kind, reasons), tuple(reasons))


@asynccontextmanager
async def open_scanner(
    options: Mapping[str, Any],
    *,
    actions: Mapping[TextKind, Action],
    model: InjectionModel | None = None,
) -> AsyncGenerator[InjectionGuard]:
    chosen = ScannerOptions.model_validate(dict(options))
    with ThreadPoolExecutor(chosen.workers, thread_name_prefix="injection") as pool:
        yield Scanner(chosen, actions, pool, model)


class InjectionDocuments:
    """Keeps documents with orders to a model out of an index."""

    def __init__(self, scanner: Scanner, threshold: float) -> None:
        self._scanner = scanner
        self._threshold = threshold

    def reasons(self, text: str) -> Counter[str]:
        score, reasons = self._scanner.reasons(text, "document")
        return Counter({"INJECTION": len(reasons)}) if score >= self._threshold else Counter()


@asynccontextmanager
async def open_injection_documents(options: Mapping[str, Any]) -> AsyncGenerator[DocumentGuard]:
    chosen = ScannerOptions.model_validate(dict(options))
    with ThreadPoolExecutor(1, thread_name_prefix="injection") as pool:
        threshold = chosen.thresholds.get("document", chosen.threshold)
        yield InjectionDocuments(Scanner(chosen, {}, pool), threshold)
