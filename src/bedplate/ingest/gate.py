"""What may go into an index, and what is held in quarantine."""

import asyncio
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bedplate.domain.documents import Document, Failure
from bedplate.domain.quarantine import Held
from bedplate.domain.retrieval import Scope
from bedplate.guards.protocol import DocumentGuard
from bedplate.state.protocol import Entry, Quarantine

QUARANTINED = "quarantined"


class Gate:
    """Asks every guard before a document goes in; without guards all go in."""

    def __init__(self, quarantine: Quarantine, guards: Sequence[DocumentGuard]) -> None:
        self._quarantine = quarantine
        self._guards = guards

    async def check(self, scope: Scope, document: Document) -> Failure | None:
        """Why the document was put into quarantine; None for one that may go in.

        One that was released goes in as it was then; with another content it is looked at again.
        """
        if not self._guards:
            return None
        reasons = await asyncio.to_thread(self._reasons, document)
        if not reasons:
            return None
        known = await self._quarantine.get(scope, document.id)
        if known is not None and known.released and known.sha256 == document.sha256:
            return None
        held = Held(
            document.id, document.source, document.origin, document.sha256, reasons,
            datetime.now(UTC),
        )  # fmt: skip
        await self._quarantine.put(scope, held)
        found = ", ".join(f"{name} {count}" for name, count in sorted(reasons.items()))
        return Failure(
            document.source,
            QUARANTINED,
            f"{document.id!r} is held in quarantine: {found}. Take it out of the text, or let the "
            f"document in with `bedplate quarantine release -c {scope.collection} "
            f"{shlex.quote(document.id)}`.",
        )

    async def let_in(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """Nothing of documents that were kept is held any more."""
        if self._guards:
            await self._quarantine.forget(scope, [entry.document.id for entry in entries])

    def _reasons(self, document: Document) -> Counter[str]:
        reasons: Counter[str] = Counter()
        for text in _texts(document):
            for guard in self._guards:
                reasons += guard.reasons(text)
        return reasons


def _texts(document: Document) -> Iterator[str]:
    yield document.title
    yield document.text
    for name, value in document.metadata.items():
        members = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
        # With its name: "token" beside a value tells what it is.
        yield from (f"{name}: {member}" for member in members if isinstance(member, str))
