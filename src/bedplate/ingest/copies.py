"""Copies among the documents of a run: reported, and left out where that is wanted."""

from collections.abc import Sequence

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.ingest.prepare import Prepared
from bedplate.ingest.report import Duplicate, Report
from bedplate.state.protocol import Entry, Profiles


class Copies:
    """Of one run, whose report grows by what is found."""

    def __init__(self, profiles: Profiles, report: Report, *, skip: bool) -> None:
        self._profiles = profiles
        self._report = report
        self._skip = skip
        self._coming: dict[str, DocumentId] = {}

    async def skips(self, scope: Scope, prepared: Prepared, *, new: bool) -> bool:
        """Whether a document is left out: its very text is there, or about to be, under another id.

        One that is there already is never left out.
        """
        if not self._skip:
            return False
        id, text = prepared.document.id, prepared.profile.text_sha256
        first = self._coming.setdefault(text, id)
        if first == id:
            first = (await self._profiles.first_with_text(scope, [text])).get(text, id)
        if first == id or not new:
            return False
        self._report.skipped += 1
        self._report.duplicates.append(Duplicate(id, first))
        return True

    async def count(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """Report which of these documents, just kept, have the text of another."""
        ids = [entry.document.id for entry in entries]
        for id, relations in (await self._profiles.related(scope, ids)).items():
            if relations.duplicate_of is not None:
                self._report.duplicates.append(Duplicate(id, relations.duplicate_of))
