"""The ledger as comma-separated values."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from bedplate.domain.usage import UsageLine

LINE_COLUMNS = tuple(field.name for field in fields(UsageLine))


def lines_as_csv(lines: Iterable[UsageLine]) -> str:
    return as_csv(LINE_COLUMNS, lines)


def as_csv(columns: Sequence[str], rows: Iterable[object]) -> str:
    """A head, and a line a row: its attributes of these names."""
    text = io.StringIO()
    written = csv.writer(text, lineterminator="\n")
    written.writerow(columns)
    written.writerows([_cell(getattr(row, name)) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet takes a text that begins like a formula for one."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
