"""Tables as text: each row of a CSV or TSV file is a document, its typed columns metadata."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bedplate.domain.documents import Blob, MetadataValue, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.decode import clean, decode
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.rows import Row, Rows
from bedplate.parsers.values import number, typed_column

VERSION = "csv/1"

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 50
_MOST_COLUMNS = 2_000


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    cells: list[str]


def read_csv(blob: Blob, limits: ParseLimits) -> Parsed:
    """The first row names the columns, unless it holds numbers. The columns `id`, `title` and
    `text` become the document's own; without `text` the text is "column: value" lines.
    """
    decoded = decode(blob.content, blob.source, most_characters=limits.characters, rows=True)
    lines = decoded.text.split("\n")
    delimiter = _delimiter(lines, blob.source)
    media_type = "text/tab-separated-values" if delimiter == "\t" else "text/csv"
    rows = Rows(blob, limits, version=VERSION, media_type=media_type)
    records = list(_records(lines, delimiter, rows, limits, blob.source))
    records, caption = _without_caption(records)
    names, warnings = _header(records)
    if names is not None:
        records = records[1:]
    if not records:
        raise Unreadable(f"{blob.source!r} has no rows below its header.", reason="empty")
    _add_all(rows, names or [], records)
    return rows.parsed([*decoded.warnings, *caption, *warnings, *_ragged(names, records)])


def _delimiter(lines: Sequence[str], source: str) -> str:
    """The delimiter that cuts the first rows most evenly, into more than one column."""

    def evenness(delimiter: str) -> tuple[float, int]:
        sample = [line for line in lines[: 2 * _SAMPLE_ROWS] if line.strip()][:_SAMPLE_ROWS]
        try:
            widths = [len(row) for row in csv.reader(_ended(sample), delimiter=delimiter) if row]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    candidates = "\t,;|" if source.lower().endswith(".tsv") else _DELIMITERS
    return max(candidates, key=evenness)


def _ended(lines: Sequence[str]) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


def _records(
    lines: Sequence[str], delimiter: str, rows: Rows, limits: ParseLimits, source: str
) -> Iterator[_Record]:
    reader = csv.reader(_ended(lines), delimiter=delimiter)
    count = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = [clean(cell).strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            rows.fail(line, "malformed", f"this row cannot be read ({error}); is a quote open?")
            continue
        if len(cells) > _MOST_COLUMNS:
            rows.fail(line, "malformed", f"this row has {len(cells):,} columns.")
        elif any(cells):
            count += 1
            if count > limits.documents + 1:
                raise TooLarge(
                    f"{source!r} holds more than {limits.documents:,} rows; split it, "
                    "or ingest it in parts."
                )
            yield _Record(line, cells)


def _without_caption(records: list[_Record]) -> tuple[list[_Record], list[str]]:
    """The records from the header on: a lone cell above fuller rows is the table's caption."""
    if len(records) < 3 or sum(map(bool, records[0].cells)) > 1:
        return records, []
    if sum(map(bool, records[1].cells)) < 2:
        return records, []
    caption = next(filter(None, records[0].cells))
    return records[1:], [f"Line {records[0].line} was taken for a caption: {caption[:80]!r}."]


def _header(records: Sequence[_Record]) -> tuple[list[str] | None, list[str]]:
    """Unique column names, or None with a warning when the first row is no header."""
    if not records:
        return [], []
    first = records[0].cells
    if any(number(cell) is not None for cell in first if cell) and len(records) > 1:
        return None, ["The first row holds numbers, so the columns have no names."]
    names: list[str] = []
    for place, cell in enumerate(first, 1):
        name = cell or f"column {place}"
        names.append(name if name not in names else f"{name} {place}")
    return names, []


def _add_all(rows: Rows, names: Sequence[str], records: Sequence[_Record]) -> None:
    width = max(len(record.cells) for record in records)
    columns = [*names, *(f"column {place + 1}" for place in range(len(names), width))]
    for record in records:
        record.cells.extend([""] * (len(columns) - len(record.cells)))
    typed = [
        typed_column(name, [record.cells[place] for record in records])
        for place, name in enumerate(columns)
    ]
    own = {name.casefold(): place for place, name in reversed(list(enumerate(columns)))}
    for place, record in enumerate(records):
        metadata: dict[str, MetadataValue] = {
            name: typed[column][place]
            for column, name in enumerate(columns)
            if column not in {own.get("id"), own.get("text")}
        }
        rows.add(
            Row(
                line=record.line,
                text=_text(columns, record.cells, own),
                metadata=metadata,
                id=_cell(record, own.get("id")),
                title=_cell(record, own.get("title")),
            )
        )


def _cell(record: _Record, place: int | None) -> str | None:
    return None if place is None else record.cells[place] or None


def _text(columns: Sequence[str], cells: Sequence[str], own: dict[str, int]) -> str:
    if "text" in own:
        return cells[own["text"]]
    return "\n".join(
        f"{name}: {' '.join(cell.split())}"
        for place, (name, cell) in enumerate(zip(columns, cells, strict=True))
        if cell and (place != own.get("id") or len(columns) == 1)
    )


def _ragged(names: Sequence[str] | None, records: Sequence[_Record]) -> Iterator[str]:
    wide = [r.line for r in records if names and any(r.cells[len(names) :])]
    if wide:
        yield f"{len(wide)} rows have more cells than the header names; the first is line {wide[0]}."
