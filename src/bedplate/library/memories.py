"""What is kept in mind of a user: documents of an ordinary collection, whose metadata says of whom.

They go in as every document does, through its guards, and are found, listed and deleted as any.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from bedplate.domain.accounts import Account
from bedplate.domain.documents import Blob
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Hit, Scope
from bedplate.errors import BadFilter, NotFound, Unreadable
from bedplate.ingest.gate import QUARANTINED
from bedplate.ingest.incoming import Upload
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.report import Report
from bedplate.rag.interpret import Interpret
from bedplate.rag.retrieve import SearchRequest

OWNER = "user"
"""The field of the metadata that says whose it is."""


def owner_of(account: Account) -> str:
    """Whom something is remembered of: the end user, else the access key, else this machine's own."""
    if account.user is not None:
        return f"user:{account.user}"
    return "local" if account.key is None else f"key:{account.key}"


class Memories:
    """One user's are never shown to another, nor to another tenant."""

    def __init__(self, ingest: Ingest, search: Interpret) -> None:
        self._ingest = ingest
        self._search = search

    async def keep(self, account: Account, collection: str, text: str) -> str:
        """Its id: the same for the same text, which is kept once.

        Raises:
            Unreadable: a guard holds it back, or the collection leaves it out as a copy.
        """
        owner = owner_of(account)
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        id = DocumentId(_prefix(owner) + digest)
        upload = Upload(
            Blob(text.encode(), f"{id}.txt", "text/plain"),
            id,
            {
                OWNER: owner,
                "kept_by": account.assistant or "",
                "remembered_at": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        report = await self._ingest.run(Scope(account.tenant, collection), [upload])
        if not report.kept:
            raise Unreadable(f"It is not kept: {_why(report)}.")
        return str(id)

    async def find(
        self,
        account: Account,
        collection: str,
        text: str,
        *,
        limit: int,
        deadline: float | None = None,
    ) -> Sequence[Hit]:
        """Those that fit the text best; any where it is empty."""
        request = SearchRequest(
            text=text,
            filter={OWNER: owner_of(account)},
            limit=limit,
            limit_given=True,
            deadline=deadline,
            account=account,
        )
        try:
            found = await self._search.search(Scope(account.tenant, collection), request)
        except (NotFound, BadFilter):
            # Nothing was remembered yet.
            return ()
        return tuple(found.hits)

    async def drop(self, account: Account, collection: str, id: str) -> bool:
        """Whether the user had it."""
        if not id.startswith(_prefix(owner_of(account))):
            return False
        try:
            scope = Scope(account.tenant, collection)
            return await self._ingest.remove(scope, [DocumentId(id)]) > 0
        except NotFound:
            return False


def _why(report: Report) -> str:
    if not report.failures:
        return "another document has this text"
    failure = report.failures[0]
    # What an operator can do about it is nothing for whoever talks to a model.
    held = failure.code == QUARANTINED
    return "a guard holds it in quarantine" if held else failure.message


def _prefix(owner: str) -> str:
    return f"memory/{hashlib.sha256(owner.encode()).hexdigest()[:16]}/"
