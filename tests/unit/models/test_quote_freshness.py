from typing import Any

import pytest

from bedplate.domain.chat import Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.models.quote_freshness import day_of, family_of, has_version_of


def passage(title: str, source: str = "file.md", **metadata: Any) -> Passage:
    hit = Hit(
        document_id=DocumentId(title),
        chunk_id=ChunkId(f"{title}#0"),
        score=1.0,
        text="Text.",
        title=title,
        source=source,
        start=0,
        end=5,
        metadata=metadata,
    )
    return Passage(1, hit)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (passage("Terms", date="2026-02-01"), (2026, 2, 1)),
        (passage("Terms", updated="2024-05"), (2024, 5, 0)),
        (passage("Terms", year=2022), (2022, 0, 0)),
        (passage("Terms", effective="2026-01-01", date="2020-01-01"), (2026, 1, 1)),
        (passage("Terms 2019"), (2019, 0, 0)),
        (passage("Terms", source="old/2031/terms-2020.md"), (2020, 0, 0)),
        (passage("Terms 2019", date="2021-03-04T10:00:00Z"), (2021, 3, 4)),
        (passage("Terms", date="yesterday", year=True), None),
        (passage("Order 120260"), None),
    ],
)
def test_the_day_is_read_from_metadata_then_title_then_file_name(
    given: Passage, expected: tuple[int, int, int] | None
):
    assert day_of(given) == expected


def test_versions_of_a_document_are_one_family():
    assert family_of(passage("Refund policy 2022")) == family_of(passage("Refund policy (v2) 2026"))
    assert family_of(passage("Refund policy 2022")) != family_of(passage("Delivery policy 2022"))
    assert family_of(passage("2022", "terms-a.md")) != family_of(passage("2022", "terms-b.md"))


@pytest.mark.parametrize(
    ("years", "expected"), [({2022}, True), ({2030}, True), ({2019}, False), (set[int](), False)]
)
def test_a_year_chooses_a_version_once_the_first_is_in_force(years: set[int], expected: bool):
    found = [passage("Terms 2022"), passage("Terms 2024"), passage("News 2001")]

    assert has_version_of(found, frozenset(years)) is expected
