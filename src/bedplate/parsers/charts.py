"""Charts of office files (ISO/IEC 29500-1, 21.2): the values that they keep, as tables."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import itertools

from bedplate.parsers.decode import clean
from bedplate.parsers.outline import Outline
from bedplate.parsers.package import Element
from bedplate.parsers.tables import table_text

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
CHART = f"{_C}chart"
"""What refers to a chart where it is shown, and its root's first element."""

_SERIES = f"{_C}ser"  # codespell:ignore ser
_MOST_POINTS = 2_000


def add_chart(outline: Outline, root: Element, page: int | None = None) -> None:
    """A chart as its title and a table: a row a category, a column a series."""
    title = root.find(f"{CHART}/{_C}title")
    if title is not None:
        words = "".join(text.text or "" for text in title.iter(f"{_A}t"))
        outline.add(clean(words), page=page)
    names = [""]
    columns: list[dict[int, str]] = []
    categories: dict[int, str] = {}
    for series in itertools.islice(root.iter(_SERIES), 50):
        label = list(_points(series.find(f"{_C}tx")).values())
        names.append(label[0] if label else f"series {len(names)}")
        for tag in ("cat", "xVal"):
            categories = categories or _points(series.find(f"{_C}{tag}"))
        values = _points(series.find(f"{_C}val"))
        columns.append(values or _points(series.find(f"{_C}yVal")))
    places = sorted({place for column in columns for place in column})[:_MOST_POINTS]
    rows = [
        [categories.get(place, str(place + 1)), *(column.get(place, "") for column in columns)]
        for place in places
    ]
    outline.add(table_text([names, *rows], header=True), "table", page)


def _points(parent: Element | None) -> dict[int, str]:
    """The cached values of a chart's reference, by their index."""
    points: dict[int, str] = {}
    for point in () if parent is None else parent.iter(f"{_C}pt"):
        place = point.get("idx", "")
        if place.isascii() and place.isdigit() and len(points) < _MOST_POINTS:
            value = point.findtext(f"{_C}v") or ""
            points.setdefault(int(place), " ".join(clean(value).split()))
    return points
