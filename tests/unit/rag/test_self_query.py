from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.rag.facets import FILMS, HOTELS, PAPERS, POLICIES, SHOP, cycled, vocabulary

from bedplate.conditions.filters import parse_filter
from bedplate.domain.facets import Facets
from bedplate.domain.filters import FieldKind
from bedplate.domain.retrieval import SelfQuery, Sort
from bedplate.rag.self_query import read
from bedplate.rag.self_query_vocabulary import Vocabulary

TODAY = date(2026, 3, 10)
CHEAPEST, DEAREST = Sort("price"), Sort("price", descending=True)


def ask(question: str, known: Vocabulary = SHOP) -> SelfQuery:
    return read(question, known, today=TODAY)


def schema(known: Vocabulary) -> dict[str, frozenset[FieldKind]]:
    fields: dict[str, frozenset[FieldKind]] = {}
    for facet in known.facets.fields:
        fields[facet.name] = fields.get(facet.name, frozenset()) | {facet.kind}
    return fields


@pytest.mark.parametrize(
    ("question", "bounds"),
    [
        ("umbrellas under 50 dollars", {"$lt": 50}),
        ("umbrellas under $50.00", {"$lt": 50}),
        ("umbrellas below £49.50", {"$lt": 49.5}),
        ("umbrellas cheaper than 30", {"$lt": 30}),
        ("umbrellas for less than 30 euros", {"$lt": 30}),
        ("umbrellas at most 30 USD", {"$lte": 30}),
        ("umbrellas up to $0.2k", {"$lte": 200}),
        ("umbrellas $30 or less", {"$lte": 30}),
        ("umbrellas not over $30", {"$lte": 30}),
        ("umbrellas over $100", {"$gt": 100}),
        ("umbrellas more expensive than 100", {"$gt": 100}),
        ("umbrellas from $100", {"$gte": 100}),
        ("umbrellas at least $100", {"$gte": 100}),
        ("umbrellas $100+", {"$gte": 100}),
        ("umbrellas 100 dollars and up", {"$gte": 100}),
        ("umbrellas between 20 and 60 dollars", {"$gte": 20, "$lte": 60}),
        ("umbrellas between $20 and $60", {"$gte": 20, "$lte": 60}),
        ("umbrellas $20-$60", {"$gte": 20, "$lte": 60}),
        ("umbrellas from 20 to 60 euros", {"$gte": 20, "$lte": 60}),
        ("umbrellas price < 60", {"$lt": 60}),
        ("umbrellas with a price of at least 60", {"$gte": 60}),
    ],
)
def test_a_comparison_becomes_bounds(question: str, bounds: Mapping[str, float]) -> None:
    assert ask(question).filter == {"category": "umbrella", "price": bounds}
    assert ask(question).text == ""


@pytest.mark.parametrize(
    ("question", "clause"),
    [
        ("umbrellas rated 4 or better", {"rating": {"$gte": 4}}),
        ("umbrellas with at least 4 stars", {"rating": {"$gte": 4}}),
        ("4+ star umbrellas", {"rating": {"$gte": 4}}),
        ("umbrellas rated above 3", {"rating": {"$gt": 3}}),
        ("umbrellas lighter than 1 kg", {"weight_kg": {"$lt": 1}}),
        ("umbrellas with a weight under 2", {"weight_kg": {"$lt": 2}}),
        ("umbrellas with more than 10 left in stock", {"stock": {"$gt": 10}}),
        ("umbrellas in stock", {"in_stock": True}),
        ("available umbrellas", {"in_stock": True}),
        ("umbrellas that are not available", {"in_stock": False}),
        ("out of stock umbrellas", {"in_stock": False}),
        ("waterproof umbrellas", {"waterproof": True}),
        ("umbrellas that are not waterproof", {"waterproof": False}),
        ("umbrellas by Fjell and Co", {"brand": "Fjell & Co"}),
        ("umbrellas not by Acme", {"$not": {"brand": "Acme"}}),
        ("umbrellas in Oslo or Bergen", {"warehouse": {"$in": ["Bergen", "Oslo"]}}),
        ("umbrellas in new york", {"warehouse": "New York"}),
        ("navy-blue umbrellas", {"colour": "navy blue"}),
        ("umbrellas that arrive overnight", {"delivery": "Arrives overnight"}),
        ("umbrellas arriving overnight", {"delivery": "Arrives overnight"}),
    ],
)
def test_the_field_follows_from_unit_cue_name_or_value(
    question: str, clause: Mapping[str, object]
) -> None:
    found = ask(question)
    assert found.filter == {"category": "umbrella", **clause}
    assert found.text == ""


@pytest.mark.parametrize(
    ("question", "bounds"),
    [
        ("added since January", {"$gte": "2026-01-01"}),
        ("added since March 2025", {"$gte": "2025-03-01"}),
        ("added in February 2025", {"$gte": "2025-02-01", "$lt": "2025-03-01"}),
        ("added between February and March 2025", {"$gte": "2025-02-01", "$lt": "2025-04-01"}),
        ("added before 1 June 2025", {"$lt": "2025-06-01"}),
        ("added after June 1, 2025", {"$gte": "2025-06-02"}),
        ("added after 2025-06-30", {"$gte": "2025-07-01"}),
        ("added last month", {"$gte": "2026-02-01", "$lt": "2026-03-01"}),
        ("added this year", {"$gte": "2026-01-01", "$lt": "2027-01-01"}),
        ("added last year", {"$gte": "2025-01-01", "$lt": "2026-01-01"}),
        ("added in the last 30 days", {"$gte": "2026-02-08"}),
        ("from 2026", {"$gte": "2026-01-01", "$lt": "2027-01-01"}),
        ("added until Q1 2025", {"$lt": "2025-04-01"}),
    ],
)
def test_a_time_becomes_half_open_dates(question: str, bounds: Mapping[str, str]) -> None:
    assert ask(f"umbrellas {question}").filter == {"category": "umbrella", "added": bounds}


@pytest.mark.parametrize(
    ("question", "year"),
    [
        ("films released in 1988", 1988),
        ("films from 1988", 1988),
        ("1988 films", 1988),
        ("films before 1997", {"$lt": 1997}),
        ("films after 1997", {"$gt": 1997}),
        ("films since 1997", {"$gte": 1997}),
        ("films released from 1997", {"$gte": 1997}),
        ("films from 2006 onwards", {"$gte": 2006}),
        ("films from 2006 or later", {"$gte": 2006}),
        ("films until 1997", {"$lte": 1997}),
        ("films between 1985 and 1997", {"$gte": 1985, "$lte": 1997}),
        ("films from 1985 to 1997", {"$gte": 1985, "$lte": 1997}),
        ("films 1985-1997", {"$gte": 1985, "$lte": 1997}),
        ("films from the nineties", {"$gte": 1990, "$lte": 1999}),
        ("films of the 1970s", {"$gte": 1970, "$lte": 1979}),
        ("films from the 80s", {"$gte": 1980, "$lte": 1989}),
    ],
)
def test_a_year_field_gets_whole_years(question: str, year: object) -> None:
    assert ask(question, FILMS).filter == {"year": year}
    assert ask(question, FILMS).text == ""


@pytest.mark.parametrize(
    ("question", "filter"),
    [
        ("films starring Ida Berg", {"cast": "Ida Berg"}),
        ("films directed by Ida Berg", {"director": "Ida Berg"}),
        ("films with Tom Ask and Ida Berg", {"$and": [{"cast": "Tom Ask"}, {"cast": "Ida Berg"}]}),
        ("films starring Cher", {"cast": "Cher"}),
        ("drama and war films", {"$and": [{"genre": "Drama"}, {"genre": "War"}]}),
        ("films that are both Drama and War", {"$and": [{"genre": "Drama"}, {"genre": "War"}]}),
        ("drama or war films", {"genre": {"$in": ["Drama", "War"]}}),
        ("dramas without Tom Ask", {"genre": "Drama", "$not": {"cast": "Tom Ask"}}),
        ("sci-fi films", {"genre": "Science Fiction"}),
        ("rom-coms", {"genre": "Romantic Comedy"}),
        ("genre: drama", {"genre": "Drama"}),
        ("films starring OLE VAN DER MEER", {"cast": "Ole van der Meer"}),
        ('films titled "It"', {"title": "It"}),
    ],
)
def test_known_values_become_conditions(question: str, filter: Mapping[str, object]) -> None:
    found = ask(question, FILMS)
    assert found.filter == filter
    assert found.text == ""


@pytest.mark.parametrize(
    ("known", "question", "sort", "limit"),
    [
        (SHOP, "the cheapest umbrella", CHEAPEST, 1),
        (SHOP, "the cheapest umbrellas", CHEAPEST, None),
        (SHOP, "3 cheapest umbrellas", CHEAPEST, 3),
        (SHOP, "the umbrella with the lowest price", CHEAPEST, 1),
        (SHOP, "most expensive umbrellas", DEAREST, None),
        (SHOP, "umbrellas sorted by price descending", DEAREST, None),
        (SHOP, "top 5 umbrellas", Sort("rating", descending=True), 5),
        (SHOP, "top three umbrellas by price", DEAREST, 3),
        (SHOP, "the heaviest umbrella", Sort("weight_kg", descending=True), 1),
        (SHOP, "umbrellas, newest first", Sort("added", descending=True), None),
        (SHOP, "the umbrella with the highest stock", Sort("stock", descending=True), 1),
        (POLICIES, "the longest policies by pages", None, None),
        (POLICIES, "latest policies", Sort("updated_at", descending=True), None),
        (POLICIES, "the most recent policy", Sort("updated_at", descending=True), 1),
        (PAPERS, "most cited paper", Sort("citations", descending=True), 1),
        (PAPERS, "oldest papers", Sort("year"), None),
        (HOTELS, "best rated hotel", Sort("rating", descending=True), 1),
        (HOTELS, "nearest hotels", Sort("distance_km"), None),
    ],
)
def test_a_superlative_becomes_an_order(
    known: Vocabulary, question: str, sort: Sort | None, limit: int | None
) -> None:
    found = ask(question, known)
    assert (found.sort, found.limit) == (sort, limit)


@pytest.mark.parametrize(
    ("known", "question", "filter", "text"),
    [
        (
            SHOP,
            "umbrellas under 50 dollars in stock in Oslo, added since January",
            {
                "category": "umbrella",
                "price": {"$lt": 50},
                "in_stock": True,
                "warehouse": "Oslo",
                "added": {"$gte": "2026-01-01"},
            },
            "",
        ),
        (
            SHOP,
            "waterproof umbrella for windy days under 50 dollars",
            {"waterproof": True, "category": "umbrella", "price": {"$lt": 50}},
            "umbrella for windy days",
        ),
        (
            HOTELS,
            "4 star hotels in Lisbon under 150 a night with a pool",
            {"stars": 4, "city": "Lisbon", "price_per_night": {"$lt": 150}, "amenities": "pool"},
            "",
        ),
        (
            PAPERS,
            "open access papers on transformers by Yann LeCun since 2017",
            {"open_access": True, "authors": "Yann LeCun", "year": {"$gte": 2017}},
            "transformers",
        ),
        (
            POLICIES,
            "Legal policies about remote work from Zoe Muller updated in 2025",
            {
                "department": "Legal",
                "author": "Zoë Müller",
                "updated_at": {"$gte": "2025-01-01", "$lt": "2026-01-01"},
            },
            "Legal policies about remote work",
        ),
        (
            FILMS,
            "War film from 1974-1988: With the voices of Tom Ask, it tells of Ida Berg's life.",
            {"genre": "War", "year": {"$gte": 1974, "$lte": 1988}},
            "With the voices of Tom Ask, it tells of Ida Berg's life.",
        ),
        (
            FILMS,
            "A drama from 1997. Ida Berg walks to Rome with Tom Ask.",
            {"genre": "Drama", "year": 1997},
            "Ida Berg walks to Rome with Tom Ask.",
        ),
    ],
)
def test_what_is_no_condition_stays_text(
    known: Vocabulary, question: str, filter: Mapping[str, object], text: str
) -> None:
    found = ask(question, known)
    assert found.filter == filter
    assert found.text == text


@pytest.mark.parametrize(
    ("known", "question"),
    [
        (SHOP, "how long do refunds take?"),
        (SHOP, "how do I return a red umbrella?"),
        (SHOP, "umbrella stand"),
        (SHOP, "what is the warranty on umbrellas?"),
        (SHOP, "is the red umbrella waterproof?"),
        (SHOP, "around 50 dollars"),
        (SHOP, "the sky over Oslo is blue"),
        (SHOP, "umbrella-shaped lamps"),
        (POLICIES, "Who wrote the travel policy?"),
        (POLICIES, "what is the refund policy?"),
        (PAPERS, "attention is all you need"),
        (PAPERS, "does dropout improve machine learning?"),
        (FILMS, "In what war did Ida Berg serve in 1988?"),
        (FILMS, "After 1975, what changed the war?"),
        (FILMS, "It was a short war."),
        (FILMS, "the roots of a tree"),
        (FILMS, "films about war"),
        (FILMS, "not in stock"),
        (FILMS, "Film 7"),
        (FILMS, "it"),
        (FILMS, "Ash is a 1988 drama film directed by Kim Dahl and starring Ida Berg."),
        (FILMS, "Tom Ask was born in 1975 and made war films."),
    ],
)
def test_a_question_without_conditions_is_left_as_it_is(known: Vocabulary, question: str) -> None:
    assert ask(question, known) == SelfQuery(question)


@pytest.mark.parametrize(
    "question",
    ["umbrellas over 5,000 dollars", "umbrellas added before 1999", "umbrellas rated above 5"],
)
def test_a_bound_that_no_document_meets_is_not_taken(question: str) -> None:
    assert ask(question).filter == {"category": "umbrella"}


def test_a_value_of_two_fields_belongs_to_the_one_with_more_documents() -> None:
    rows = cycled(40, kind=["lamp", "chair"], tags=[["lamp"], ["wood"], ["oak"], ["wood"]])
    assert ask("lamps", vocabulary("goods", rows)).filter == {"kind": "lamp"}


def test_a_value_that_two_fields_hold_alike_is_looked_for_in_both() -> None:
    rows = cycled(40, brand=["Apple", "Dell"], maker=["Dell", "Apple"])
    filter = ask("Apple products", vocabulary("goods", rows)).filter
    assert filter == {"$or": [{"brand": "Apple"}, {"maker": "Apple"}]}
    assert ask("products of brand Apple", vocabulary("goods", rows)).filter == {"brand": "Apple"}


def test_a_number_that_could_be_of_several_fields_stays_text() -> None:
    rows = cycled(40, kind=["lamp", "chair"], width=[10, 80], depth=[10, 90])
    found = ask("lamps under 50", vocabulary("goods", rows))
    assert found.filter == {"kind": "lamp"}
    assert found.text == "lamps under 50"


def test_matches_name_the_words_and_their_meaning() -> None:
    question = "cheapest umbrellas under $50"
    found = ask(question)
    assert [(question[m.start : m.end], m.meaning) for m in found.matched] == [
        ("cheapest", "sort by price, ascending"),
        ("umbrellas", 'category == "umbrella"'),
        ("under $50", "price < 50"),
    ]


def test_a_collection_without_fields_leaves_every_question_alone() -> None:
    empty = Vocabulary(Facets("notes", 0, 0))
    assert ask("the 5 newest notes under $50 since 2020", empty) == SelfQuery(
        "the 5 newest notes under $50 since 2020"
    )


WORDS = st.sampled_from(
    """umbrellas red blue or and not in Oslo under over between 20 60 $ dollars % 4 stars rated
    since before after January 2025 2025-02-30 31 February the cheapest top newest in stock
    waterproof available not without titled starring Ida Berg with between 5 k by Acme Fjell & Co , : . - ( ) ? what which how is about sorted by price 1990s
    last 999 years 1e9 \u0663 \u00bd \u00b2 C++ K\u212a \u0130stanbul \U0001f327 o'clock""".split()  # noqa: SIM905 - one word a line would hide the list's shape
)


@settings(max_examples=300)
@given(st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=60))
def test_any_text_gives_a_filter_that_parses_and_spans_within_it(question: str) -> None:
    for known in (SHOP, FILMS):
        found = ask(question, known)
        if found.filter is not None:
            parse_filter(found.filter, schema(known))
        if found.filter is None and found.sort is None:
            assert found == SelfQuery(question)
        for match in found.matched:
            assert 0 <= match.start < match.end <= len(question)


def test_a_list_of_many_names_describes_one_document() -> None:
    names = ["Ann Lee", "Bo Dahl", "Cy Berg", "Di Fox", "Ed Moe"]
    known = vocabulary("films", cycled(40, cast=[names, names[:2]], year=[1990, 1995]))
    few, many = ("films from 1990 with " + " and ".join(names[:n]) for n in (2, 5))
    assert ask(few, known).filter == {
        "$and": [{"year": 1990}, {"cast": "Ann Lee"}, {"cast": "Bo Dahl"}]
    }
    assert ask(many, known).filter == {"year": 1990}
    assert ask(many.replace(" and ", " or "), known).filter == {
        "year": 1990,
        "cast": {"$in": names},
    }


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            "War film from 1975 - a girl meets Tom Ask in 1988, in a town by the sea",
            "a girl meets Tom Ask in 1988, in a town by the sea",
        ),
        (
            "War film from 1975 where Tom Ask plays a soldier in 1988",
            "where Tom Ask plays a soldier in 1988",
        ),
        (
            "War film from 1975, In the snow of 1988 a soldier meets Tom Ask and a dog.",
            "In the snow of 1988 a soldier meets Tom Ask and a dog.",
        ),
        (
            "War film from 1975\nA soldier comes home in 1988 and meets the family of Tom Ask.",
            "A soldier comes home in 1988 and meets the family of Tom Ask.",
        ),
    ],
)
def test_a_description_gives_no_conditions(question: str, text: str) -> None:
    found = ask(question, FILMS)
    assert (found.filter, found.text) == ({"genre": "War", "year": 1975}, text)


@pytest.mark.parametrize(
    ("question", "filter"),
    [
        (
            "umbrellas: red, blue or black",
            {"category": "umbrella", "colour": {"$in": ["black", "blue", "red"]}},
        ),
        (
            "umbrella, blue, max 40 EUR",
            {"category": "umbrella", "colour": "blue", "price": {"$lte": 40}},
        ),
        (
            "umbrellas not red or blue",
            {
                "$and": [
                    {"category": "umbrella"},
                    {"$not": {"colour": "red"}},
                    {"$not": {"colour": "blue"}},
                ]
            },
        ),
        ("red and blue umbrellas", {"colour": {"$in": ["blue", "red"]}, "category": "umbrella"}),
        (
            "do you have any black umbrellas under fifty dollars?",
            {"colour": "black", "category": "umbrella", "price": {"$lt": 50}},
        ),
        ("which umbrellas are waterproof?", {"category": "umbrella", "waterproof": True}),
        (
            "umbrellas rated 4 or better in stock",
            {"category": "umbrella", "rating": {"$gte": 4}, "in_stock": True},
        ),
        (
            "umbrellas in stock with at least 4 stars",
            {"category": "umbrella", "in_stock": True, "rating": {"$gte": 4}},
        ),
    ],
)
def test_lists_negations_and_orders_of_words(question: str, filter: Mapping[str, object]) -> None:
    assert ask(question).filter == filter
    assert ask(question).text == ""


def test_what_is_not_in_stock_lacks_the_text_that_it_is() -> None:
    rows = cycled(40, kind=["lamp", "chair"], status=["in stock", "on its way", "in stock"])
    known = vocabulary("goods", rows)
    assert ask("lamps in stock", known).filter == {"kind": "lamp", "status": "in stock"}
    found = ask("lamps not in stock", known)
    assert found.filter == {"kind": "lamp", "$not": {"status": "in stock"}}


def test_a_question_about_records_keeps_its_words_and_takes_named_conditions_only() -> None:
    question = "how many umbrellas cost less than $30?"
    assert ask(question) == SelfQuery(
        question, {"price": {"$lt": 30}}, matched=ask(question).matched
    )


def test_a_very_long_question_is_left_alone() -> None:
    question = "red umbrellas under 50 dollars " * 600
    assert ask(question).filter is None


def test_the_order_of_values_and_the_day_do_not_matter_to_plain_conditions() -> None:
    one: Any = ask("red umbrellas under $50")
    assert one == read("red umbrellas under $50", SHOP, today=date(1999, 1, 1))
