"""The checks that a condition on a business table passes: its columns, and values SQL can bind."""

from collections.abc import Sequence

from bedplate.conditions.field_schema import Count, at, check_list, nearest, scalar, shown
from bedplate.domain.filters import Comparison, Operator
from bedplate.domain.tables import BusinessTable
from bedplate.errors import BadFilter


class ColumnSchema:
    """Makes comparisons over declared columns; the database knows their types."""

    def __init__(self, table: BusinessTable) -> None:
        self._table = table
        self._count = Count()

    def exists(self, name: str, *, wanted: bool, position: int | None = None) -> Comparison:
        self._check(name, position)
        return Comparison(name, "exists", wanted, "string")

    def compare(
        self, name: str, operator: Operator, values: Sequence[object], position: int | None = None
    ) -> Comparison:
        self._check(name, position)
        check_list(name, values, position)
        read = tuple(scalar(name, value, position) for value in values)
        return Comparison(name, operator, read if operator in ("in", "nin") else read[0], "string")

    def _check(self, name: str, position: int | None) -> None:
        self._count.add(position)
        if name not in self._table.columns:
            raise BadFilter(
                f"filter: no column {shown(name)}{at(position)}."
                f"{nearest(name, self._table.columns)}",
                position=position,
            )
