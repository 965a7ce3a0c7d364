"""An answer that leaves sentence by sentence, each once it is checked."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from bedplate.domain.answers import REFUSAL, Claim, ClaimJudged, Grounding
from bedplate.domain.chat import ChatRequest
from bedplate.domain.checks import Action, Below, Checked, Failure
from bedplate.errors import Blocked, Unavailable, UpstreamError
from bedplate.rag.checks.consistency import inconsistent
from bedplate.rag.checks.draft import Aside, Draft
from bedplate.rag.checks.heard import Heard, Segment
from bedplate.rag.checks.inspection import Inspect, is_refusal
from bedplate.rag.checks.outcome import Outcome, Piece, calls, instead, of_inspection, unchecked
from bedplate.rag.checks.repair import Repair
from bedplate.rag.checks.subject import Subject
from bedplate.rag.citations import resolve

logger = logging.getLogger(__name__)

FAILED = (Blocked, Unavailable, UpstreamError)
"""A repair that could not be made ends the answer where it stands."""


class Sentences:
    """One answer. What was sent cannot be taken back: where the policy is to refuse, the answer ends
    before the first sentence that fails, and is the refusal only where nothing was sent.
    """

    def __init__(self, inspect: Inspect, repair: Repair, subject: Subject) -> None:
        self._inspect = inspect
        self._repair = repair
        self._subject = subject
        self._prompt: ChatRequest | None = subject.prompt
        self._draft: Draft | None = None
        self._wrong: tuple[Failure, ...] = ()
        self._stopped = False
        self._grounding: Grounding | None = None
        self._sent = ""
        self._tries = 0
        self._dropped: list[str] = []
        self._claims: list[Claim] = []

    async def stream(self) -> AsyncGenerator[Piece | Aside | ClaimJudged | Outcome]:
        """As `CheckedAnswers.stream`."""
        while self._prompt is not None and not self._stopped:
            self._tries += 1
            draft = Draft(self._subject.write, self._prompt, self._subject.numbers)
            self._prompt, self._draft = None, draft
            heard = Heard(self._inspect.judge, self._subject, draft)
            try:
                async with aclosing(self._leaving(heard)) as texts:
                    async for text in texts:
                        yield Piece(text) if isinstance(text, str) else text
            except FAILED as error:
                if self._tries == 1:
                    raise
                logger.warning(
                    "answer not repaired", extra={"code": error.code, "error": error.message}
                )
                self._stopped = True
            self._grounding = heard.grounding
        if not self._sent and self._draft is not None and calls(self._draft):
            yield unchecked(self._draft)
            return
        nothing = not self._sent.strip()
        outcome = self._cut() if nothing or self._stopped else await self._ended()
        if nothing:
            yield Piece(outcome.text)
        yield outcome

    async def _leaving(self, heard: Heard) -> AsyncGenerator[str | Aside | ClaimJudged]:
        """What of a draft is sent, until it is through, or is to be written anew, or ends here."""
        async with aclosing(heard.segments()) as segments:
            async for each in segments:
                if isinstance(each, Aside):
                    yield each
                    continue
                if self._adds_nothing(each):
                    continue
                segment = self._by_rules(each)
                below = self._below(segment)
                if segment.failures:
                    self._wrong = segment.failures
                if below == "repair":
                    wrong = segment.failures
                    self._prompt = self._repair.go_on(self._subject.prompt, self._sent, wrong)
                    return
                if below == "refuse":
                    self._stopped = True
                    return
                if text := self._kept(segment, below):
                    yield text
                if self._subject.tell_claims and segment.claim is not None and below != "drop":
                    yield ClaimJudged(_placed(segment.claim, self._sent))

    def _adds_nothing(self, segment: Segment) -> bool:
        """Whether a model that was to go on says again what was sent, or its full stop for nothing."""
        if self._tries == 1:
            return False
        if segment.claim is None:
            return not segment.failures and segment.text.strip() in ("", ".")
        return any(segment.claim.text == sent.text for sent in self._claims)

    def _by_rules(self, segment: Segment) -> Segment:
        """With what the text so far breaks; a refusal is not judged."""
        if not self._sent and is_refusal(segment.text, ()):
            return replace(segment, failures=())
        text = self._sent + segment.text
        found = self._subject.rules.failures_so_far(text)
        if (claim := segment.claim) is not None:
            # What was sent stands, so of two that contradict each other this one is wrong.
            last = replace(claim, score=0.0)
            found += inconsistent(text, (*self._claims, last))
        return replace(segment, failures=(*segment.failures, *found))

    def _below(self, segment: Segment) -> Below | None:
        """What is to become of it; None where nothing is wrong."""
        if not segment.failures:
            return None
        check = self._subject.check
        below: Below = check.below
        if below == "repair" and self._tries > check.tries:
            below = check.then
        # What is no claim cannot be dropped alone.
        return "refuse" if below == "drop" and segment.claim is None else below

    def _kept(self, segment: Segment, below: Below | None) -> str:
        """What of the segment is sent, after what was."""
        text = segment.text
        if below == "drop" and segment.claim is not None:
            self._dropped.append(segment.claim.text)
            text = segment.before if segment.before.strip() else ""
        elif segment.claim is not None:
            self._claims.append(segment.claim)
        if self._touched:
            text = _joint(self._sent, text)
        self._sent += text
        return text

    @property
    def _touched(self) -> bool:
        """Whether what was sent is something else than one draft says."""
        return self._tries > 1 or bool(self._dropped)

    async def _ended(self) -> Outcome:
        judged = None if self._touched else self._grounding
        found = await self._inspect.whole(self._subject, self._sent, grounding=judged)
        action: Action = "annotated" if found.failures else "passed"
        if self._touched:
            action = "dropped" if self._dropped else "repaired"
        outcome = of_inspection(found, action, tries=self._tries)
        checked = replace(outcome.checked, dropped=tuple(self._dropped))
        return self._called(replace(outcome, checked=checked))

    def _cut(self) -> Outcome:
        """The end before what fails."""
        if not self._sent.strip():
            refused = Checked("refused", self._wrong, self._tries, tuple(self._dropped))
            return self._called(instead(REFUSAL, refused))
        cut = Checked("cut", self._wrong, self._tries, tuple(self._dropped))
        citations = resolve(self._sent, self._subject.passages)
        outcome = Outcome(self._sent, self._passed(), cut, citations, reason="content_filter")
        return self._called(outcome)

    def _passed(self) -> Grounding:
        """Of what was sent before the cut: every claim of it was carried."""
        score = min((claim.score for claim in self._claims), default=1.0)
        return Grounding(score, "supported" if self._claims else "unchecked", tuple(self._claims))

    def _called(self, outcome: Outcome) -> Outcome:
        if self._draft is None or self._draft.end is None:
            return outcome
        end = self._draft.end
        return replace(outcome, reason=outcome.reason or end.reason, model=end.model)


def _placed(claim: Claim, sent: str) -> Claim:
    """The claim that ends what was sent, in its place there."""
    end = len(sent.rstrip())
    return replace(claim, start=max(0, end - (claim.end - claim.start)), end=end)


def _joint(before: str, after: str) -> str:
    """`after` as it goes on from `before`, which ends a sentence of another draft."""
    if not before.strip():
        return after.lstrip()
    apart = not after or before[-1].isspace() or after[0].isspace()
    return after if apart else f" {after}"
