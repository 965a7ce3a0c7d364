from bedplate.domain.chat import Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.rag.citations import resolve
from bedplate.rag.markers import MarkerFilter


def passage(number: int, text: str, start: int = 0) -> Passage:
    hit = Hit(DocumentId("d"), ChunkId("d#0"), 1.0, text, "T", "s", start, start + len(text))
    return Passage(number, hit)


def test_a_quote_is_located_in_the_document() -> None:
    [citation] = resolve("It costs 5 [1].", [passage(1, "A hat. It costs 5 euro.", start=100)])
    assert citation.quote == "It costs 5"
    assert (citation.start, citation.end) == (107, 117)


def test_a_number_made_by_dropping_an_inner_marker_cites_nothing() -> None:
    filter = MarkerFilter([1, 2])
    text = filter.push("It is so [1[9]2].") + filter.finish()
    assert text == "It is so [12]."
    assert resolve(text, [passage(1, "It is so."), passage(2, "It is not.")]) == ()
