"""Profiles as rows, in SQL that SQLite and PostgreSQL both read; parameters are written "?"."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.profiles import Profile, Relations
from bedplate.quality.likeness import keys
from bedplate.sql import Session
from bedplate.state.profile_groups import Placed, place
from bedplate.state.protocol import Entry

COLUMNS = "text_sha256, signature, family, declared, stage, valid_from, dated_by, copies, series"
RELATED = """
SELECT d.document_id, p.valid_from, p.dated_by,
  (SELECT o.document_id FROM profile n JOIN document o ON o.id = n.document
   WHERE n.collection_id = p.collection_id AND n.copies = p.copies AND n.document < p.document
   ORDER BY n.document LIMIT 1),
  (SELECT o.document_id FROM profile n JOIN document o ON o.id = n.document
   WHERE p.series <> '' AND n.series <> '' AND n.collection_id = p.collection_id
     AND n.series = p.series AND n.stage > p.stage AND n.stage <= ?
   ORDER BY n.stage DESC, n.document DESC LIMIT 1),
  (SELECT CASE WHEN n.text_sha256 = p.text_sha256 THEN 'exact' ELSE 'near' END FROM profile n
   WHERE n.collection_id = p.collection_id AND n.copies = p.copies AND n.document < p.document
   ORDER BY n.document LIMIT 1)
FROM document d JOIN profile p ON p.document = d.id
WHERE d.collection_id = ? AND d.document_id IN ({})
"""
OF_FAMILY = """SELECT document FROM profile WHERE collection_id = ? AND family = ? AND family <> ''
ORDER BY document DESC LIMIT 50"""
MOST_VALUES = 200
"""Of one statement: databases bound its parameters."""

MOST_ALIKE = 8
MOST_KIN = 50


def related(db: Session, collection: int, ids: Sequence[DocumentId]) -> dict[DocumentId, Relations]:
    """How these documents stand to others today; ones without a profile are left out."""
    today = datetime.now(UTC).date().isoformat()
    found: dict[DocumentId, Relations] = {}
    for part in _parts(list(dict.fromkeys(ids))):
        for row in db.select(RELATED.format(_marks(part)), (today, collection, *part)):
            found[DocumentId(row[0])] = Relations(*row[1:6])
    return found


def first_with_text(db: Session, collection: int, hashes: Sequence[str]) -> dict[str, DocumentId]:
    """The document of each text that is there."""
    found: dict[str, DocumentId] = {}
    for text in hashes:
        rows = db.select(
            "SELECT d.document_id FROM band b JOIN profile p ON p.document = b.document"
            " JOIN document d ON d.id = p.document"
            " WHERE b.collection_id = ? AND b.key = ? AND p.text_sha256 = ?"
            " ORDER BY b.document LIMIT 1",
            (collection, keys(text, b"")[0], text),
        )
        if rows:
            found[text] = DocumentId(rows[0][0])
    return found


def keep(db: Session, tenant: TenantId, collection: int, entries: Sequence[Entry]) -> None:
    """Keep the profiles of documents that were just put in, each placed among those before it."""
    wanted = [(each.document.id, each.profile) for each in entries if each.profile is not None]
    rows = _rows_of(db, collection, [document for document, _ in wanted])
    shared = [keys(profile.text_sha256, profile.signature) for _, profile in wanted]
    nearby = _Nearby(
        db, collection, [p for _, p in wanted], [key for each in shared for key in each]
    )
    for (document, profile), own in zip(wanted, shared, strict=True):
        row = rows[document]
        placed = place(profile, nearby.of(profile, own))
        db.execute(
            f"INSERT INTO profile (document, tenant_id, collection_id, {COLUMNS})"  # noqa: S608
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row, tenant, collection, profile.text_sha256, profile.signature, profile.family,
             int(profile.declared), profile.stage, profile.valid_from, profile.dated_by,
             placed.copies, placed.series),
        )  # fmt: skip
        for part in _parts(nearby.rare(own), MOST_VALUES // 4):
            db.execute(
                "INSERT INTO band (tenant_id, collection_id, key, document) VALUES "  # noqa: S608
                + ", ".join(["(?, ?, ?, ?)"] * len(part)),
                [value for key in part for value in (tenant, collection, key, row)],
            )
        nearby.add(row, placed, own)


def with_profiles(db: Session, collection: int, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries with the profiles that their documents came in with."""
    found: dict[str, Profile] = {}
    for part in _parts([entry.document.id for entry in entries]):
        for document, *columns in db.select(
            f"SELECT d.document_id, {COLUMNS} FROM profile p JOIN document d ON d.id = p.document"  # noqa: S608
            f" WHERE d.collection_id = ? AND d.document_id IN ({_marks(part)})",
            (collection, *part),
        ):
            found[document] = _placed(columns).profile
    return tuple(replace(entry, profile=found.get(entry.document.id)) for entry in entries)


class _Nearby:
    """Profiles that may be like those coming in: found once for all of them, and those added."""

    def __init__(
        self, db: Session, collection: int, coming: Sequence[Profile], shared: Sequence[int]
    ) -> None:
        self._by_key: dict[int, list[int]] = defaultdict(list)
        self._by_family: dict[str, list[int]] = defaultdict(list)
        self._placed: dict[int, Placed] = {}
        found: set[int] = set()
        for part in _parts(list(dict.fromkeys(shared))):
            rows = db.select(
                "SELECT DISTINCT document FROM band WHERE collection_id = ?"  # noqa: S608
                f" AND key IN ({_marks(part)})",
                (collection, *part),
            )
            found.update(int(row) for (row,) in rows)
        for family in {profile.family for profile in coming if profile.family}:
            found.update(int(row) for (row,) in db.select(OF_FAMILY, (collection, family)))
        for part in _parts(sorted(found)):
            for row, *columns in db.select(
                f"SELECT document, {COLUMNS} FROM profile WHERE document IN ({_marks(part)})",  # noqa: S608
                part,
            ):
                placed = _placed(columns)
                self.add(
                    int(row), placed, keys(placed.profile.text_sha256, placed.profile.signature)
                )

    def add(self, row: int, placed: Placed, own: Sequence[int]) -> None:
        self._placed[row] = placed
        for key in own:
            if len(self._by_key[key]) < MOST_ALIKE:
                self._by_key[key].append(row)
        if placed.series:
            self._by_family[placed.profile.family].append(row)

    def rare(self, own: Sequence[int]) -> list[int]:
        """The keys that few documents have so far: a text that all have is looked up in few."""
        return [key for key in dict.fromkeys(own) if len(self._by_key[key]) < MOST_ALIKE]

    def of(self, profile: Profile, own: Sequence[int]) -> list[Placed]:
        rows = {row for key in own for row in self._by_key.get(key, ())}
        if profile.family:
            rows.update(self._by_family.get(profile.family, [])[-MOST_KIN:])
        return [self._placed[row] for row in sorted(rows)]


def _placed(columns: Sequence[Any]) -> Placed:
    text, signature, family, declared, stage, valid_from, dated_by, copies, series = columns
    profile = Profile(text, bytes(signature), family, bool(declared), stage, valid_from, dated_by)
    return Placed(profile, copies, series)


def _rows_of(db: Session, collection: int, ids: Sequence[DocumentId]) -> dict[DocumentId, int]:
    found: dict[DocumentId, int] = {}
    for part in _parts(ids):
        found.update(
            (DocumentId(document), int(row))
            for document, row in db.select(
                "SELECT document_id, id FROM document WHERE collection_id = ?"  # noqa: S608
                f" AND document_id IN ({_marks(part)})",
                (collection, *part),
            )
        )
    return found


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _parts(values: Sequence[Any], size: int = MOST_VALUES) -> Iterator[list[Any]]:
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
