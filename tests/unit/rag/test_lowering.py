import pytest

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or
from bedplate.domain.ids import DocumentId
from bedplate.errors import BadFilter
from bedplate.rag.lowering import lower
from bedplate.stores.protocol import Abilities

NUMBER = Comparison("price", "lt", 5, "number")
TEXT = Comparison("name", "gt", "m", "string")
FOUND = tuple(DocumentId(name) for name in "abc")


def abilities(most: int = 10) -> Abilities:
    """A store that cannot order text."""
    return Abilities(scores=False, most_documents=most, compares=lambda test: test.kind != "string")


async def find(leaf: Filter, limit: int) -> tuple[DocumentId, ...]:
    assert leaf == TEXT
    return FOUND[:limit]


async def test_what_the_store_expresses_stays() -> None:
    assert await lower(NUMBER, abilities(), find) == NUMBER


async def test_what_it_cannot_express_becomes_documents_wherever_it_stands() -> None:
    filter = Or([And([NUMBER, Not(TEXT)]), TEXT])
    listed = Documents(FOUND)
    assert await lower(filter, abilities(), find) == Or([And([NUMBER, Not(listed)]), listed])


async def test_documents_given_already_stay() -> None:
    assert await lower(Documents(FOUND), abilities(), find) == Documents(FOUND)


async def test_more_documents_than_the_store_takes_are_refused_by_name() -> None:
    assert await lower(TEXT, abilities(3), find) == Documents(FOUND)
    with pytest.raises(BadFilter, match=r"'name' \(gt m\).*more than the 2 documents"):
        await lower(TEXT, abilities(2), find)
