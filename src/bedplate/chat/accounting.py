"""What a model call costs: held before it, counted after it, however it ends."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Self

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Note,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
    changed,
    routed,
)
from bedplate.errors import BedplateError, UpstreamError, UpstreamTimeout
from bedplate.ledger.protocol import Call, Ledger, Reservation
from bedplate.models.protocol import MeteredModel
from bedplate.models.tokens import request_tokens, text_tokens
from bedplate.telemetry.trace import trace_id

logger = logging.getLogger(__name__)

NOTHING = Usage(cost_usd=Decimal(0))

CUT_OFF = "cut_off"
"""The status of a call that its reader ended."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call to be made: `model` is configured as `name`, the request has its deadline."""

    name: str
    model: MeteredModel
    request: ChatRequest


class Accounting:
    """One call, as a context: reserves when entered, settles at the call's end or its own.

    A call that ends early counts what it was seen to use, by an estimate that is rather too high.
    One that failed before it said anything counts nothing, unless it took too long: it was at work.
    """

    def __init__(self, ledger: Ledger | None, asked: Asked, *, part: bool = False) -> None:
        """`part`: of a call that is accounted for; only the model's own limits are left."""
        self._ledger = ledger
        self._part = part
        self._asked = asked
        self._reservation: Reservation | None = None
        self._settled = False
        self._seen: list[str] = []
        self._end: Finished | None = None
        self._at = datetime.now(UTC)
        self._started = time.perf_counter()
        self._begun = 0.0
        self._first_ms: float | None = None
        self.request = asked.request
        """What the model is to be sent: where a limit concerns the call, with its output bounded."""

    @property
    def usage(self) -> Usage | None:
        """What the model said it used; None as long as, or where, it did not."""
        return self._end.usage if self._end else None

    @property
    def finish(self) -> str:
        return self._end.reason if self._end else "cut off"

    @property
    def notes(self) -> tuple[Note, ...]:
        """What happened to it on its way, as far as it was said."""
        return self._end.notes if self._end else ()

    @property
    def routed(self) -> str | None:
        """The models that routers and cascades chose on the way, in order; None where none did."""
        return routed(self.notes) or None

    @property
    def first_ms(self) -> float | None:
        """From the start to the first piece of the answer."""
        return self._first_ms

    @property
    def took_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    async def __aenter__(self) -> Self:
        if self._ledger is not None:
            model, request = self._asked.model, self._asked.request
            self._reservation = await self._ledger.reserve(
                request.account,
                self._asked.name,
                lambda: model.bound(request),
                seconds=_left(request),
                part=self._part,
            )
        if self._reservation is not None and self.request.max_output_tokens is None:
            made = self._reservation.bound.output_tokens
            self.request = changed(self.request, max_output_tokens=made)
        self._begun = asyncio.get_running_loop().time()
        return self

    async def saw(self, event: ChatEvent) -> None:
        """Take note of an event; of the last one before anybody is given it."""
        match event:
            case Finished():
                self._end = event
                if event.whole:
                    # Nobody saw when it began.
                    self._first_ms = None
                await self._settle(event.usage)
                return
            case TextDelta(text=text) | ReasoningDelta(text=text) | ToolCallDelta(arguments=text):
                self._seen.append(text)
        if self._first_ms is None:
            self._first_ms = self.took_ms

    def wrote(self, texts: Sequence[str]) -> None:
        """As `saw`, of text after the first event."""
        self._seen += texts

    def ended_by_guard(self, model: str, found: str) -> Finished:
        """The end of an answer that a guard stopped; `model` is what answered."""
        used = self.usage or self._estimate()
        reason = f"the answer was stopped: {found}"
        return Finished(
            "content_filter", used, model, notes=(Note("guard", self._asked.name, reason),)
        )

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        bill = None if self._part else self._asked.request.account.bill
        if self._ledger is None and bill is None:
            return
        used = self._used(error)
        if bill is not None:
            bill.add(used or NOTHING)
        if self._ledger is None:
            return
        await self._settle(used)
        if not self._part:
            status = self._end.reason if self._end else _status(error)
            self._ledger.usage.record(self._call(status, used or NOTHING))

    def _used(self, error: BaseException | None) -> Usage | None:
        """None where it is known to be nothing."""
        if self._end is not None:
            return self._end.usage
        if isinstance(error, UpstreamError) and error.usage is not None:
            return error.usage
        return self._estimate() if self._was_at_work(error) else None

    async def _settle(self, used: Usage | None) -> None:
        """None gives back what was held. Once is enough."""
        if self._settled or self._ledger is None or self._reservation is None:
            return
        try:
            if used is None:
                await self._ledger.release(self._reservation)
            else:
                await self._ledger.settle(self._reservation, used)
        except BedplateError as failure:
            # The answer stands. What was held counts in full when its time is over.
            logger.error(  # noqa: TRY400 - an error of the tree says all
                "a call could not be settled",
                extra={"model": self._asked.name, "error": failure.message},
            )
        self._settled = True

    def _was_at_work(self, error: BaseException | None) -> bool:
        failed = isinstance(error, BedplateError) and not isinstance(error, UpstreamTimeout)
        return self._first_ms is not None or not failed

    def _estimate(self) -> Usage:
        made = text_tokens("".join(self._seen))
        if (unseen := self.request.unstreamed) is not None and unseen.under_way:
            made = self.request.max_output_tokens or made
        sent = request_tokens(self.request)
        now = asyncio.get_running_loop().time()
        # The bound of a call that was to make so much, and to last so long, is what this one cost.
        partly = replace(
            self.request, max_output_tokens=max(1, made), deadline=now + (now - self._begun)
        )
        usd = self._asked.model.bound(partly).usd
        return Usage(sent, made, estimated=True, cost_usd=usd)

    def _call(self, status: str, used: Usage) -> Call:
        return Call(
            at=self._at,
            account=self._asked.request.account,
            model=self._asked.name,
            status=status,
            usage=used,
            ttft_ms=self._first_ms,
            took_ms=self.took_ms,
            trace_id=trace_id(),
        )


def _left(request: ChatRequest) -> float:
    if request.deadline is None:
        raise AssertionError("a call has a deadline")
    return request.deadline - asyncio.get_running_loop().time()


def _status(error: BaseException | None) -> str:
    return error.code if isinstance(error, BedplateError) else CUT_OFF
