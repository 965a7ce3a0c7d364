"""A judge that hears an answer beside its leaving, and never holds it up."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from bedplate.domain.answers import Claim, Grounding
from bedplate.errors import GuardFailed, UpstreamTimeout
from bedplate.judges.protocol import Hearing, Judge
from bedplate.rag.checks.inspection import limit, too_late
from bedplate.rag.checks.subject import Subject
from bedplate.rag.told import tell_grounded
from bedplate.telemetry.trace import span


class Beside:
    """Text that comes while the judge is busy is heard in one go, so that a judge that pays for each
    call is called less often. Whoever leaves the `async with` ends it.
    """

    def __init__(self, judge: Judge, subject: Subject) -> None:
        self._judge = judge
        self._subject = subject
        self._hearing: Hearing | None = None
        self._work: asyncio.Task[None] | None = None
        self._unheard = ""
        self._claims: list[Claim] = []
        self._told = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._work is not None and not self._work.done():
            self._work.cancel()
            with suppress(asyncio.CancelledError, GuardFailed):
                await self._work

    def hear(self, text: str) -> None:
        self._unheard += text
        if self._hearing is None:
            self._hearing = self._judge.hear(self._subject.case(self._subject.deadline))
        if self._work is None or (self._work.done() and self._work.exception() is None):
            # Ended by `__aexit__`, whatever becomes of the answer.
            loop = asyncio.get_running_loop()
            self._work = loop.create_task(self._listen(self._hearing))

    def judged(self) -> Sequence[Claim]:
        """The claims since it was last asked."""
        found = self._claims[self._told :]
        self._told += len(found)
        return found

    async def finish(self) -> Grounding:
        """The whole, as `Judge.check` has it; the claims that are left are in `judged`.

        Raises:
            UpstreamTimeout: judged too late for the request's deadline.
        """
        hearing = self._hearing
        if hearing is None:
            hearing = self._judge.hear(self._subject.case(self._subject.deadline))
        with span("check grounding") as step:
            try:
                async with asyncio.timeout_at(limit(self._subject)):
                    if self._work is not None:
                        with suppress(GuardFailed):
                            await self._work
                    found = await hearing.finish()
            except TimeoutError as error:
                deadline = self._subject.deadline
                if deadline is not None and asyncio.get_running_loop().time() >= deadline:
                    raise UpstreamTimeout(
                        "The answer was not checked against its sources by the deadline.",
                        provider="grounding",
                    ) from error
                found = too_late(self._subject)
            tell_grounded(step, found)
        self._claims += found.claims[len(self._claims) :]
        return found

    async def _listen(self, hearing: Hearing) -> None:
        while self._unheard:
            text, self._unheard = self._unheard, ""
            self._claims += await hearing.push(text)
