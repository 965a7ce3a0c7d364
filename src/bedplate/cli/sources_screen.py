"""Sources and their syncs for people."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bedplate.cli.progress import Form, State, telling
from bedplate.cli.screen import console, counted, one_line, plain, table

if TYPE_CHECKING:
    from bedplate.domain.sources import FailedItem, SourceState, Sync
    from bedplate.ingest.sync import SyncProgress

_COUNTED = ("new", "changed", "retried", "unchanged", "gone", "held", "vanished", "gaps", "failed",
            "dead")  # fmt: skip


_DONE = {"list": "items listed", "ingest": "items", "delete": "items deleted"}


@contextmanager
def syncing(name: str, form: Form | None) -> Generator[Callable[[SyncProgress], None]]:
    """Shows the phases of a sync."""
    with telling("sync", form) as tell:

        def advance(now: SyncProgress) -> None:
            ingesting = now.phase == "ingest"
            tell(
                State(
                    now.done,
                    now.total,
                    _DONE[now.phase],
                    now.counts.chunks if ingesting else now.done,
                    "chunks" if ingesting else "items",
                    now.done,
                    now.total,
                    phase=f"{name}: {now.phase}",
                    facts={
                        "source": name,
                        "phase": now.phase,
                        "chunks": now.counts.chunks,
                        "failures": now.counts.failed,
                    },
                )
            )

        yield advance


def show_sync(source: str, sync: Sync, failures: Sequence[FailedItem]) -> None:
    out = console()
    name, found = plain(source), sync.counts
    numbers = ((each, getattr(found, each)) for each in _COUNTED)
    counts = ", ".join(f"{number:,} {each}" for each, number in numbers if number)
    documents = (("added", found.added), ("updated", found.updated), ("unchanged", found.same),
                 ("deleted", found.deleted))  # fmt: skip
    changes = ", ".join(f"{number:,} {each}" for each, number in documents if number)
    out.print(
        f"{name}: {counted(found.listed, 'item')} listed ({counts or 'none known'})"
        f" · documents: {changes or 'no change'}",
        style="bold",
        soft_wrap=True,
    )
    if found.held:
        out.print(
            f"No longer listed: {counted(found.held, 'known item')}, more than is believed without "
            "a word; their documents are kept. If they are gone for good, run: "
            f"bedplate sources sync {name} --allow-shrink",
            style="yellow",
            soft_wrap=True,
        )
    if found.gaps:
        out.print(
            f"{counted(found.gaps, 'part')} could not be listed; what is in them is kept as it was.",
            style="yellow",
            soft_wrap=True,
        )
    _print_failures(failures)


def show_source(state: SourceState, syncs: Sequence[Sync], failures: Sequence[FailedItem]) -> None:
    out = console()
    spec = state.spec
    out.print(plain(f"{spec.name}: {spec.kind} into {spec.collection}"), style="bold")
    for key, value in spec.options.items():
        out.print(plain(f"  {key} = {value!r}"), soft_wrap=True)
    out.print(plain(f"  schedule: {spec.schedule or 'none'}"))
    items = ", ".join(f"{count:,} {name}" for name, count in state.items.items())
    out.print(f"  items: {items or 'none'}")
    rows = table("sync", "status", "listed", "added", "updated", "deleted", "failed", "remark")
    for sync in syncs:
        counts = sync.counts
        numbers = (counts.listed, counts.added, counts.updated, counts.deleted, counts.failed)
        rows.add_row(
            f"{sync.started_at:%Y-%m-%d %H:%M:%S}",
            sync.status,
            *(f"{number:,}" for number in numbers),
            one_line(sync.error or (f"{counts.held:,} held back" if counts.held else "")),
        )
    if syncs:
        out.print(rows)
    _print_failures(failures)


def _print_failures(failures: Sequence[FailedItem]) -> None:
    if not failures:
        return
    rows = table("item", "state", "attempts", "code", "reason")
    for each in failures:
        rows.add_row(
            one_line(each.key), each.state, str(each.attempts), each.code, one_line(each.error),
            style="red",
        )  # fmt: skip
    console().print(rows)
