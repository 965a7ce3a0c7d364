"""Yes-or-no conditions: boolean fields by their names, and what is in stock."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bedplate.rag.self_query_schema import Field
from bedplate.rag.self_query_sentence import Found, Sentence
from bedplate.rag.self_query_vocabulary import Value
from bedplate.rag.self_query_words import word_set

_AVAILABLE: Mapping[str, bool] = {
    "in stock": True,
    "available": True,
    "currently available": True,
    "out of stock": False,
    "not in stock": False,
    "sold out": False,
    "unavailable": False,
    "not available": False,
    "no longer available": False,
}
_AVAILABILITY = frozenset({"stock", "available", "availability"})
_NEGATIONS = word_set("not non no without isn't aren't never")
_LINKS = word_set("with is are be having has have the a an - any")


def read_flags(sentence: Sentence) -> list[Found]:
    """Every condition on a boolean, and on stock where no text says "in stock"; tokens taken."""
    found: list[Found] = []
    for index in range(len(sentence.tokens)):
        one = None
        if sentence.free(index):
            one = _availability(sentence, index) or _boolean(sentence, index)
        if one is not None:
            one = replace(one, weak=not _said_of_records(sentence, one))
            sentence.take(one.first, one.last)
            found.append(one)
    return found


def _said_of_records(sentence: Sentence, one: Found) -> bool:
    """Whether "available" and the like stand beside the noun: "publicly available data" is none."""
    said = sentence.phrase(one.first, one.last - one.first)
    if "stock" in said:
        return True
    if "available" not in said:
        return sentence.attached(one.first) or one.last in sentence.starts
    if one.last in sentence.starts or one.first - 1 in sentence.taken:
        return True
    opening = sentence.unexplained(one.first)
    plain = not any(token.is_filler and token.low not in ("that", "are") for token in opening)
    return plain and sentence.ends_phrase(one.last) and sentence.attached(one.first)


def _availability(sentence: Sentence, at: int) -> Found | None:
    size = sentence.after(at, _AVAILABLE)
    if not size:
        return None
    wanted = _AVAILABLE[sentence.phrase(at, size)]
    booleans = [f for f in sentence.vocabulary.schema.fields if f.kind == "boolean"]
    flags = [f for f in booleans if f.named(_AVAILABILITY)]
    if len(flags) == 1:
        return _flag(flags[0], wanted, at, at + size)
    written = _written(sentence, at, size, wanted)
    if written is not None or sentence.phrase(at, size).endswith("available"):
        return written
    stock = sentence.vocabulary.schema.of_concept("stock")
    if stock is None or not stock.named(["stock", "inventory", "quantity", "qty"]):
        return None
    clause = {stock.name: {"$gt": 0} if wanted else {"$lte": 0}}
    return Found(at, at + size, clause, f"{stock.name} {'>' if wanted else '<='} 0")


def _written(sentence: Sentence, at: int, size: int, wanted: bool) -> Found | None:  # noqa: FBT001
    """The text that says so: "In Stock", "available", "sold out" under any of its names; or, for
    something "not in stock", everything without the text that it is.
    """
    said = sentence.phrase(at, size)
    value = _value(sentence, said, wanted)
    no = value is None and said.startswith("not ")
    value = _value(sentence, said, not wanted) if no else value
    if value is None:
        return None
    clause: Mapping[str, object] = {value.field.name: value.text}
    shown = f'{value.field.name} == "{value.text}"'
    if no:
        clause, shown = {"$not": clause}, f"not {shown}"
    return Found(at, at + size, clause, shown)


def _value(sentence: Sentence, said: str, wanted: bool) -> Value | None:  # noqa: FBT001
    for phrase in (said, *(phrase for phrase, sense in _AVAILABLE.items() if sense == wanted)):
        if values := sentence.vocabulary.exact(phrase.split()):
            return values[0]
    return None


def _boolean(sentence: Sentence, at: int) -> Found | None:
    names, size = sentence.field_after(at)
    flags = [field for field in names if field.kind == "boolean"]
    if len(flags) != 1:
        return None
    first, wanted = _negated(sentence, at)
    return _flag(flags[0], wanted, first, at + size)


def _negated(sentence: Sentence, at: int) -> tuple[int, bool]:
    """Where the condition starts with its "not" or "without", and which way it goes."""
    first = at
    while first > 0 and sentence.low(first - 1) in _LINKS and at - first < 3:
        first -= 1
    if first > 0 and sentence.low(first - 1) in _NEGATIONS:
        return first - 1, False
    return at, True


def _flag(field: Field, wanted: bool, first: int, last: int) -> Found | None:  # noqa: FBT001
    if not _occurs(field, [wanted]):
        return None
    return Found(first, last, {field.name: wanted}, f"{field.name} == {str(wanted).lower()}")


def _occurs(field: Field, values: Sequence[bool]) -> bool:
    return any(value in field.facet.values for value in values)
