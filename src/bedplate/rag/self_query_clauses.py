"""Values that were named, joined into clauses as the sentence joins them."""

from collections.abc import Mapping, Sequence

from bedplate.rag.self_query_schema import Field
from bedplate.rag.self_query_sentence import Found, Sentence
from bedplate.rag.self_query_values import LISTED, Named

MOST_TOGETHER = 3
"""A sentence that asks for more members of one list at once than these describes."""


def conditions(sentence: Sentence, named: Sequence[Named]) -> list[Found]:
    """The values as clauses: members of one field are joined as the sentence joins them."""
    found: list[Found] = []
    groups: list[list[Named]] = []
    for one in named:
        sentence.take(one.head, one.last)
        if groups and _same_group(sentence, groups[-1][-1], one):
            groups[-1].append(one)
        else:
            groups.append([one])
    for group in groups:
        found.extend(_joined(sentence, group))
    return _without_contradictions(sentence, found, groups)


def _without_contradictions(
    sentence: Sentence, found: Sequence[Found], groups: Sequence[Sequence[Named]]
) -> list[Found]:
    """Drop values that no document can have at once: one of them was meant as something else."""
    single = [
        one.values[0].field.name
        for group in groups
        for one in group[:1]
        if not one.negated and len(_field(one)) == 1 and not one.values[0].field.is_list
    ]
    doubled = {name for name in single if single.count(name) > 1}
    kept: list[Found] = []
    for one in found:
        if doubled.isdisjoint(one.clause):
            kept.append(one)
        else:
            sentence.taken.difference_update(range(one.first, one.last))
    return kept


def _same_group(sentence: Sentence, before: Named, one: Named) -> bool:
    if before.negated or one.negated:
        return False
    between = {sentence.low(index) for index in range(before.last, one.head)}
    return _field(before) == _field(one) and between <= LISTED | {"both", "either"}


def _field(one: Named) -> frozenset[str]:
    return frozenset(value.field.name for value in one.values)


def _joined(sentence: Sentence, group: Sequence[Named]) -> list[Found]:
    field: Field = group[0].values[0].field
    first, last = group[0].head, group[-1].last
    joins = {sentence.low(index) for index in range(group[0].last, group[-1].head)}
    # A field with one value cannot have two: "laptops and tablets" are either.
    either = "or" in joins or (not field.is_list and bool(joins & LISTED))
    several = len(group) > 1
    if several and either and len(_field(group[0])) == 1:
        texts = sorted({value.text for one in group for value in one.values})
        sentence.take(first, last)
        return [Found(first, last, {field.name: {"$in": texts}}, f"{field.name} in {texts}")]
    if len(group) > MOST_TOGETHER:
        # So many names at once describe one document, of which the field may not hold them all.
        for one in group:
            sentence.taken.difference_update(range(one.head, one.last))
        return []
    if several and not field.is_list:
        # Two values of a field that has one, side by side: one of them is something else.
        for one in group:
            sentence.taken.difference_update(range(one.head, one.last))
        return []
    return [_single(one) for one in group]


def _single(one: Named) -> Found:
    fields: dict[str, list[str]] = {}
    for value in one.values:
        fields.setdefault(value.field.name, []).append(value.text)
    clauses: list[Mapping[str, object]] = [
        {name: texts[0] if len(texts) == 1 else {"$in": texts}} for name, texts in fields.items()
    ]
    shown = " or ".join(f'{name} == "{text}"' for name, all_ in fields.items() for text in all_)
    clause = clauses[0] if len(clauses) == 1 else {"$or": clauses}
    if one.negated:
        clause, shown = {"$not": clause}, f"not {shown}"
    return Found(one.head, one.last, clause, shown, cued=one.cued, weak=one.weak)
