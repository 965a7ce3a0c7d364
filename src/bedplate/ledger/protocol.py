"""What a ledger is: it promises no more than budgets allow, and remembers what calls came to."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import Kind, Limit, Measure, Standing, Subject, Used
from bedplate.domain.chat import Usage
from bedplate.domain.ids import TenantId
from bedplate.domain.usage import UsageLine
from bedplate.models.protocol import Bound

UnknownPrice = Literal["refuse", "warn"]
Grouping = Literal["day", "tenant", "model", "key", "assistant"]

MOST_LINES = 100_000
"""Of one report."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Part of every budget that concerns a call, held until it is settled or released."""

    id: str
    bound: Bound


@dataclass(frozen=True, slots=True)
class Call:
    """One model call that ended. `status` is its finish reason, "cut_off", or an error's code."""

    at: datetime
    account: Account
    model: str
    status: str
    usage: Usage
    ttft_ms: float | None
    took_ms: float
    trace_id: str


class Budgets(Protocol):
    """The limits in force, and how far they are used."""

    async def list(self, tenant: TenantId | None) -> tuple[Standing, ...]:
        """Those that name the tenant, or all of all tenants; in the order of their subjects."""
        ...

    async def show(self, tenant: TenantId, kind: Kind, name: str) -> tuple[Standing, ...]:
        """Those that a call of that one is held to, with what each still allows."""
        ...

    async def set(self, subject: Subject, amounts: Mapping[Measure, int | None]) -> None:
        """Put these in place of the former ones of the same measure; None removes one.

        A budget that is new counts what the usage log knows of its period.

        Raises:
            InvalidInput: an amount that is negative, or beyond any sense; a name that cannot be.
            Conflict: the configuration declares it.
        """
        ...

    async def remove(self, subject: Subject) -> int:
        """Forget all of its limits; how many there were. Conflict as in `set`."""
        ...


class UsageLog(Protocol):
    """Calls that ended, written in batches, and forgotten after a time."""

    def record(self, call: Call) -> None:
        """Keep it, soon. Never waits: when too many wait to be written, it is dropped, and said."""
        ...

    async def flush(self) -> None:
        """Write what waits."""
        ...

    async def summarise(
        self, tenant: TenantId | None, by: Grouping, *, since: datetime, until: datetime
    ) -> tuple[Used, ...]:
        """What was used from `since` until before `until`, days in order, others dearest first."""
        ...

    async def lines(
        self, tenant: TenantId | None, *, since: datetime, until: datetime
    ) -> tuple[UsageLine, ...]:
        """The same by day, tenant, key, assistant and model at once, in that order.

        Raises:
            TooLarge: more than MOST_LINES.
        """
        ...


class Ledger(Protocol):
    """Reserve before a call, settle after it. Each is one transaction, safe among processes."""

    @property
    def budgets(self) -> Budgets: ...

    @property
    def usage(self) -> UsageLog: ...

    async def reserve(
        self,
        account: Account,
        model: str,
        bound: Callable[[], Bound],
        *,
        seconds: float,
        part: bool = False,
    ) -> Reservation | None:
        """Hold the bound of a call to the model configured as `model`; None where no limit concerns it.

        `part`: it is part of a call that was reserved as another model's; only what is limited of
        this model concerns it.

        `seconds` is how long the call may take: some time after it, what was neither settled nor
        released counts as spent in full. `bound` is asked for only where a limit concerns the call.

        Raises:
            BudgetExceeded: a budget has less left than the bound.
            RateLimited: too many requests or tokens in this minute.
            PriceUnknown: a budget in dollars concerns the call, whose price is not known.
        """
        ...

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Count what the call used in place of what it held; a second time nothing happens.

        Without a known cost, what was held of dollars counts.
        """
        ...

    async def release(self, reservation: Reservation) -> None:
        """Give back what a call held that used nothing. Its request stays counted in the rate."""
        ...

    async def admit(self, tenant: TenantId, tool: str, most: int) -> float | None:
        """Count a call of a tool, of which the tenant may make `most` a minute. None where it may;
        else nothing is counted, and it may in so many seconds.
        """
        ...


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """`place` is a file, or the address of a PostgreSQL database whose catalog is there.

    `clock` is the wall clock. `queue` is how many calls may wait to be written.
    """

    place: Path | str
    declared: Sequence[Limit] = ()
    unknown_price: UnknownPrice = "refuse"
    keep_days: float = 90.0
    queue: int = 10_000
    clock: Callable[[], datetime] = field(default=utc_now)


class OpenLedger(Protocol):
    """Opens a ledger, its tables brought to the newest version."""

    def __call__(self, options: LedgerOptions) -> AbstractAsyncContextManager[Ledger]: ...
