from bedplate.domain.chat import Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.markers import MarkerFilter
from bedplate.rag.citations import resolve


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


def test_a_statement_is_not_found_inside_a_word() -> None:
    text = "Norway is cold. No, it never closes."
    [citation] = resolve("No [1]", [passage(1, text)])
    assert (citation.start, citation.quote) == (16, "No")


def test_a_number_is_not_found_inside_a_longer_one() -> None:
    text = "Socks cost 5.50 here. A hat costs 15 here, and 5 there."
    [citation] = resolve("5 [1]", [passage(1, text)])
    assert citation.start == text.index("5 there")


def test_a_statement_in_a_script_without_spaces_is_found_between_other_words() -> None:
    [citation] = resolve(
        "\u4ef7\u683c5\u6b27\u5143 [1]", [passage(1, "\u5e3d\u5b50\u4ef7\u683c5\u6b27\u5143\u3002")]
    )
    assert citation.quote == "\u4ef7\u683c5\u6b27\u5143"


def test_neighbouring_markers_cite_the_same_statement() -> None:
    sources = [passage(1, "Hats are red. Boots are brown."), passage(2, "Brown boots sell well.")]
    found = resolve("Hats are red. The boots are all brown [1] [2]. Bye [1].", sources)
    assert [citation.quote for citation in found][:2] == [
        "Boots are brown.",
        "Brown boots sell well.",
    ]


def test_of_a_very_long_statement_the_end_is_looked_for() -> None:
    answer = "word " * 5_000 + "\nBoots are brown [1]."
    [citation] = resolve(answer, [passage(1, "Hats are red. Boots are brown.")])
    assert citation.quote == "Boots are brown"


def test_a_full_stop_after_a_marker_belongs_to_the_statement_before() -> None:
    text = "Tents weigh 2 kg. Boots are waterproof. It costs 5."
    first, second, third = resolve(
        "Tents weigh 2 kg [1]. Boots are waterproof [1]; it is said. It costs 5 [1].",
        [passage(1, text)],
    )
    assert (first.quote, second.quote) == ("Tents weigh 2 kg", "Boots are waterproof")
    assert third.quote == "It costs 5"


def test_a_number_that_begins_with_a_point_keeps_it() -> None:
    [_, citation] = resolve("It is so [1] .5 litres [1]", [passage(1, "It is so. Add .5 litres.")])
    assert citation.quote == ".5 litres"
