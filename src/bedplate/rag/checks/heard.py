"""A draft in segments, each with what is wrong with it, as soon as a judge has heard it out."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from bedplate.domain.answers import Claim, Grounding
from bedplate.domain.checks import Failure
from bedplate.errors import GuardFailed, UpstreamTimeout
from bedplate.judges.protocol import Hearing, Judge
from bedplate.rag.checks.draft import Aside, Draft
from bedplate.rag.checks.inspection import limit, of_citations, of_claim, too_late
from bedplate.rag.checks.subject import Subject

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Segment:
    """Text up to the end of a claim; `before` is what of it stands before the claim. Without a claim
    it is the end of the draft, or, failing, where the judge could go no further.
    """

    text: str
    before: str = ""
    claim: Claim | None = None
    failures: tuple[Failure, ...] = ()


class Heard:
    """`grounding` is the judge's word on the whole draft, once `segments` are through."""

    def __init__(self, judge: Judge, subject: Subject, draft: Draft) -> None:
        self._subject = subject
        self._draft = draft
        self._judge = judge
        self._hearing: Hearing | None = None
        self._done = 0
        self._seen = 0
        self.grounding: Grounding | None = None

    async def segments(self) -> AsyncGenerator[Segment | Aside]:
        """All of the draft's text, in order, unless the judge fails, and its asides. Errors as `Draft.pieces`.

        Raises:
            UpstreamTimeout: judged too late for the request's deadline.
        """
        async with aclosing(self._draft.pieces()) as pieces:
            async for piece in pieces:
                if isinstance(piece, Aside):
                    yield piece
                    continue
                try:
                    claims = await self._in_time(self._open().push(piece))
                except GuardFailed as error:
                    yield self._failed(error.message)
                    return
                for claim in claims:
                    yield self._of(claim)
        try:
            found = await self._in_time(self._open().finish())
        except GuardFailed as error:
            yield self._failed(error.message)
            return
        if found.verdict == "failed":
            yield self._failed(found.reason)
            return
        for claim in found.claims[self._seen :]:
            yield self._of(claim)
        self.grounding = found
        if rest := self._draft.text[self._done :]:
            yield Segment(rest, rest, failures=_unread(found))

    def _open(self) -> Hearing:
        """Begun with the first text: tools that are asked before it are sources, too."""
        if self._hearing is None:
            self._hearing = self._judge.hear(self._subject.case(self._subject.deadline))
        return self._hearing

    def _of(self, claim: Claim) -> Segment:
        start, end = max(claim.start, self._done), max(claim.end, self._done)
        text = self._draft.text
        made = Segment(
            text[self._done : end], text[self._done : start], claim, tuple(self._failures(claim))
        )
        self._seen, self._done = self._seen + 1, end
        return made

    def _failures(self, claim: Claim) -> list[Failure]:
        found = [] if claim.supported or not self._subject.has_sources else [of_claim(claim)]
        if self._subject.check.contract.citations:
            found += of_citations([claim])
        return found

    def _failed(self, why: str) -> Segment:
        failure = Failure("grounding", f"It could not be checked: {why}")
        return Segment(self._draft.text[self._done :], failures=(failure,))

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(limit(self._subject)):
                return await work
        except TimeoutError as error:
            deadline = self._subject.deadline
            if deadline is not None and asyncio.get_running_loop().time() >= deadline:
                raise UpstreamTimeout(
                    "The answer was not checked against its sources by the deadline.",
                    provider="grounding",
                ) from error
            raise GuardFailed(too_late(self._subject).reason) from error


def _unread(found: Grounding) -> tuple[Failure, ...]:
    """What stands beyond the most claims that a judge reads is not checked."""
    if not found.unread:
        return ()
    return (Failure("grounding", f"{found.unread:,} statements beyond the most that are checked."),)
