"""Ids as OpenAI's clients know them: what they name, then 32 digits that sort by time."""

import re

from bedplate.domain.ids import DocumentId, new_id

FILE = re.compile(r"file-[0-9a-f]{32}")


def new_object_id(prefix: str, at: int | None = None) -> str:
    """A fresh one, as of now, or of that many seconds since 1970."""
    digits = new_id().replace("-", "")
    return f"{prefix}{digits if at is None else f'{at * 1_000:012x}{digits[12:]}'}"


def is_file_id(id: str) -> bool:
    """Whether it could be a file's, and no document's of a collection that was filled elsewhere."""
    return FILE.fullmatch(id) is not None


def file_of(document: DocumentId) -> str:
    """The id by which clients know what a document came from: its file's, or its own."""
    file, _, _ = document.partition("/")
    return file if is_file_id(file) else document
