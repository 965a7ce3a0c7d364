"""The usage log beside a provider's own figures. Pure functions."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from bedplate.domain.usage import BilledUsage, Drift, UsageLine
from bedplate.errors import InvalidInput

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
COLUMNS = ("input_tokens", "output_tokens", "cost_usd")
MOST_ROWS = 100_000


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    estimated: int = 0
    unpriced: int = 0
    sent: int = 0
    made: int = 0
    cost: Decimal = Decimal(0)


def reconciled(
    lines: Iterable[UsageLine], bill: Iterable[BilledUsage], names: Mapping[str, str]
) -> tuple[Drift, ...]:
    """One drift a day and provider's model, of either side's, in that order.

    `names` are providers' models by ours; one that is not there has the same name at its provider.
    Of a model that the bill never names nothing is said: it is another provider's.
    """
    theirs: dict[tuple[str, str], BilledUsage] = {}
    for each in bill:
        key = (each.day, each.model)
        theirs[key] = _added(theirs[key], each) if key in theirs else each
    billed = {model for _, model in theirs}
    ours: dict[tuple[str, str], _Sum] = {}
    for line in lines:
        model = names.get(line.model, line.model)
        if model in billed:
            _add(ours.setdefault((line.day, model), _Sum()), line)
    return tuple(
        _drift(day, model, ours.get((day, model), _Sum()), theirs.get((day, model)))
        for day, model in sorted({*ours, *theirs})
    )


def read_bill(text: str) -> list[BilledUsage]:
    """CSV with a head: `day` or `date`, `model`, and any of input_tokens, output_tokens, cost_usd.

    InvalidInput names the line that cannot be read.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    head = [name.strip().lower() for name in rows.fieldnames or ()]
    rows.fieldnames = head
    day = "day" if "day" in head else "date"
    if day not in head or "model" not in head or not set(COLUMNS) & set(head):
        raise InvalidInput(
            "The bill needs a head with day, model and at least one of "
            f"{', '.join(COLUMNS)}; it has {', '.join(head) or 'none'}."
        )
    bill: list[BilledUsage] = []
    for number, row in enumerate(rows, 2):
        if len(bill) == MOST_ROWS:
            raise InvalidInput(f"The bill has more than {MOST_ROWS:,} lines: split it.")
        moment = (row[day] or "").strip()[:10]
        model = (row["model"] or "").strip()
        if not DAY.fullmatch(moment) or not model:
            raise InvalidInput(f"Line {number} of the bill needs a day as YYYY-MM-DD and a model.")
        sent, made, cost = (_number(row.get(name), name, number) for name in COLUMNS)
        bill.append(
            BilledUsage(
                moment,
                model,
                None if sent is None else int(sent),
                None if made is None else int(made),
                cost,
            )
        )
    return bill


def whole_days(days: Sequence[str]) -> tuple[datetime, datetime]:
    """From the beginning of the first to the end of the last; InvalidInput for what is no day."""
    try:
        first, last = (
            datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (min(days), max(days))
        )
    except ValueError as error:
        raise InvalidInput(f"{min(days)!r} or {max(days)!r} is no day.", param="day") from error
    return first, last + timedelta(days=1)


def _number(text: str | None, name: str, line: int) -> Decimal | None:
    if text is None or not text.strip():
        return None
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise InvalidInput(f"Line {line} of the bill: {name} is {text!r}, which is no amount.")
    return value


def _added(one: BilledUsage, other: BilledUsage) -> BilledUsage:
    return BilledUsage(
        one.day,
        one.model,
        _sum(one.input_tokens, other.input_tokens),
        _sum(one.output_tokens, other.output_tokens),
        None
        if one.cost_usd is None and other.cost_usd is None
        else (one.cost_usd or Decimal(0)) + (other.cost_usd or Decimal(0)),
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _add(total: _Sum, line: UsageLine) -> None:
    total.requests += line.requests
    total.estimated += line.estimated
    total.unpriced += line.unpriced
    total.sent += line.input_tokens
    total.made += line.output_tokens
    total.cost += line.cost_usd


def _drift(day: str, model: str, ours: _Sum, theirs: BilledUsage | None) -> Drift:
    return Drift(
        day=day,
        model=model,
        requests=ours.requests,
        estimated=ours.estimated,
        unpriced=ours.unpriced,
        ours=BilledUsage(day, model, ours.sent, ours.made, ours.cost),
        # A day that the bill leaves out is one on which it charges nothing.
        theirs=theirs or BilledUsage(day, model, 0, 0, Decimal(0)),
    )
