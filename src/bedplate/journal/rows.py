"""Runs and entries as rows."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.domain.runs import Entry, Run, RunLimits, RunMemory, RunSetup, RunStatus, RunUsage
from bedplate.sql import Row

COLUMNS = (
    "tenant_id, id, key, assistant, goal, setup, status, reason, summary, used, leg, entries,"
    " wanted, waits_for, parent, root, created, touched, ended"
)
START = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - START) // timedelta(microseconds=1)


def now() -> int:
    return micros(datetime.now(UTC))


def moment(value: int) -> datetime:
    return START + timedelta(microseconds=value)


def encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def run_row(run: Run) -> tuple[Any, ...]:
    """Its values in the order of COLUMNS."""
    return (
        *(run.tenant, run.id, run.key, run.assistant, run.goal, encode(asdict(run.setup))),
        *(run.status, run.reason, run.summary, encode(asdict(run.used)), run.leg, run.entries),
        *(run.wanted, encode(run.waits_for), run.parent, run.root, micros(run.created_at), now()),
        None if run.ended_at is None else micros(run.ended_at),
    )


def run_of(row: Row) -> Run:
    tenant, id, key, assistant, goal, setup, status, reason, summary = row[:9]
    used, leg, entries, wanted, waits_for, parent, root, created, touched, ended = row[9:]
    return Run(
        id=id,
        assistant=assistant,
        goal=goal,
        setup=_setup_of(json.loads(setup)),
        created_at=moment(int(created)),
        root=root,
        tenant=TenantId(tenant),
        key=key,
        status=RunStatus(status),
        reason=reason,
        summary=summary,
        used=RunUsage(**json.loads(used)),
        leg=int(leg),
        entries=int(entries),
        wanted=wanted,
        waits_for=tuple(json.loads(waits_for)),
        parent=parent,
        touched_at=moment(int(touched)),
        ended_at=None if ended is None else moment(int(ended)),
    )


def entry_of(row: Row) -> Entry:
    number, kind, at, data = row
    return Entry(int(number), kind, json.loads(data), moment(int(at)))


def column_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a run as its columns have them."""
    return {name: _column(name, value) for name, value in values.items()}


def _column(name: str, value: Any) -> Any:
    match name:
        case "setup" | "used":
            return encode(asdict(value))
        case "waits_for":
            return encode(value)
        case _:
            return value


def _setup_of(found: dict[str, Any]) -> RunSetup:
    return RunSetup(
        model=found["model"],
        instructions=found["instructions"],
        tools=tuple(found["tools"]),
        delegates=tuple(found["delegates"]),
        limits=RunLimits(**found["limits"]),
        trusted=tuple(found["trusted"]),
        undo=found["undo"],
        depth=found["depth"],
        name=found["name"],
        version=found["version"],
        # Runs of before have none.
        memory=RunMemory(**found.get("memory", {})),
        priced=found.get("priced", False),
        user=found.get("user"),
    )
