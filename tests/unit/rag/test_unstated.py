import pytest

from bedplate.domain.documents import Metadata
from bedplate.domain.facets import Facet, Facets
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.rag.unstated import LOOKED_AT, fits, lacking, partial_fields

FACETS = Facets("c", 8, 1, (Facet("price", "number", 5, 5), Facet("kind", "string", 8, 8)))


def hit(text: str, metadata: Metadata | None = None, title: str = "") -> Hit:
    return Hit(
        DocumentId("d"), ChunkId("d#0"), 1.0, text, title, "d.txt", 0, len(text),
        metadata=metadata or {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("filter", "partial"),
    [
        ({"price": {"$lt": 50}}, {"price"}),
        ({"kind": "rain"}, set()),
        ({"$and": [{"kind": "rain"}, {"$or": [{"price": 1}, {"colour": "red"}]}]},
         {"price", "colour"}),
        ({"$not": {"price": 1}}, {"price"}),
        ({}, set()),
    ],
)  # fmt: skip
def test_fields_that_some_documents_lack_are_found_however_deep(filter, partial) -> None:
    assert partial_fields(filter, FACETS) == partial


def test_a_hit_fits_that_holds_half_of_the_words() -> None:
    assert fits("waterproof umbrellas", [hit("hats"), hit("An umbrella.")])
    assert not fits("light waterproof umbrellas", [hit("An umbrella.")])
    assert not fits("umbrellas", [hit("hats")])
    assert not fits("umbrellas", [])


def test_title_and_metadata_count_and_words_that_do_not_count_are_met_by_all() -> None:
    assert fits("umbrellas", [hit("Against rain.", title="Skua umbrella")])
    assert fits("umbrellas", [hit("Against rain.", {"kind": "umbrellas"})])
    assert fits("", [hit("hats")])


def test_only_the_best_are_looked_at() -> None:
    assert not fits("umbrellas", [*[hit("hats")] * LOOKED_AT, hit("umbrellas")])


def test_a_hit_lacks_a_field_without_a_value_in_it() -> None:
    hits = [hit("a", {"price": 0}), hit("b", {"price": None}), hit("c", {"tags": []}), hit("d")]
    assert [each.text for each in lacking(hits, frozenset({"price"}))] == ["b", "c", "d"]
    assert [each.text for each in lacking(hits, frozenset())] == []
