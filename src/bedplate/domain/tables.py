"""Business tables: other tables of the database, by which a search can be narrowed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DOCUMENT_ID: Literal["document_id"] = "document_id"


@dataclass(frozen=True, slots=True)
class BusinessTable:
    """A table or view that the operator declared, and all that a search may read of it.

    A row belongs to a document when `key`, a column, equals the document's metadata field `field`,
    or its id where `field` is "document_id": as numbers where both are numbers, as text otherwise,
    so that "0012" is not 12. Of a list, any member may be equal.

    With `tenant_column`, rows whose value there is not the caller's tenant do not exist.
    `database` is another SQLite file; a catalog that is not SQLite refuses it.
    """

    name: str
    table: str
    key: str
    field: str
    columns: tuple[str, ...]
    tenant_column: str | None = None
    database: Path | None = None
