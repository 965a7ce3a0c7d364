"""Filters as SQL over the catalog's tables, with every value bound."""

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.postgres.related import compile_related
from bedplate.postgres.values import PREFIX, clean, digest, exact, is_text

SYMBOLS = {"eq": "=", "ne": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
INCLUSIVE = {"eq": "=", "ne": "=", "gt": ">=", "gte": ">=", "lt": "<=", "lte": "<="}
"""What holds for the first characters of two texts where the symbol holds for the texts."""

Condition = tuple[str, list[object]]
Leaf = Comparison | Documents | Related


def compile_filter(filter: Filter, collection: int, column: str = "d.id") -> Condition:
    """A condition on `column`, the id of a row of `document`, and the values to bind to it."""
    match filter:
        case Comparison() | Documents() | Related():
            rows, values, negated = compile_leaf(filter, collection)
            return f"{column} {'NOT IN' if negated else 'IN'} ({rows})", values
        case Not(clause):
            sql, values = compile_filter(clause, collection, column)
            return f"NOT ({sql})", values
        case And(clauses) | Or(clauses):
            parts = [compile_filter(clause, collection, column) for clause in clauses]
            word = " AND " if isinstance(filter, And) else " OR "
            # An empty AND holds everywhere, an empty OR nowhere.
            joined = word.join(f"({sql})" for sql, _ in parts) or str(isinstance(filter, And))
            return joined, [value for _, values in parts for value in values]


def compile_leaf(leaf: Leaf, collection: int) -> tuple[str, list[object], bool]:
    """A query for `document` of the rows that meet it, its values, and whether all but those pass."""
    match leaf:
        case Comparison():
            return _compile_comparison(leaf, collection)
        case Documents(ids):
            rows = (
                "SELECT id AS document FROM document WHERE collection_id = %s"
                " AND document_id = ANY(%s::text[])"
            )
            return rows, [collection, [name for name in ids if "\0" not in name]], False
        case Related():
            return *compile_related(leaf, collection), False


def _compile_comparison(comparison: Comparison, collection: int) -> tuple[str, list[object], bool]:
    kinds = "SELECT id FROM field_kind WHERE collection_id = %s AND digest = %s"
    values: list[object] = [collection, digest(comparison.field)]
    if comparison.operator == "exists":
        rows = f"SELECT document FROM field WHERE kind IN ({kinds})"  # noqa: S608
        return rows, values, not comparison.value
    test, bound = _compile_test(comparison)
    rows = f"SELECT document FROM field WHERE kind = ({kinds} AND kind = %s) AND {test}"  # noqa: S608
    return rows, [*values, comparison.kind, *bound], comparison.operator in ("ne", "nin")


def _compile_test(comparison: Comparison) -> Condition:
    members = comparison.value if isinstance(comparison.value, tuple) else (comparison.value,)
    if not is_text(comparison.kind):
        numbers = [exact(member) for member in members]
        if comparison.operator in ("in", "nin"):
            return "number = ANY(%s::numeric[])", [numbers]
        return f"number {SYMBOLS[comparison.operator]} %s", [numbers[0]]
    texts = [clean(str(member)) for member in members]
    starts = [text[:PREFIX] for text in texts]
    if comparison.operator in ("in", "nin"):
        test = f"left(string, {PREFIX}) = ANY(%s::text[]) AND string = ANY(%s::text[])"
        return test, [starts, texts]
    start, whole = INCLUSIVE[comparison.operator], SYMBOLS[comparison.operator]
    test = f"left(string, {PREFIX}) {start} %s AND string {whole} %s"
    return test, [starts[0], texts[0]]
