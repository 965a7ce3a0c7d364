"""What English calls the common properties of things, whatever the collection.

A concept joins the words that field names use for a property to the words by which sentences mean
it. It applies to a collection only through a field whose name holds one of its `names`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bedplate.rag.self_query_words import fold


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in text.split())


@dataclass(frozen=True, slots=True)
class Concept:
    """`cues` stand near a number ("rated 4"), `units` after one; all are folded words.

    `lowest` and `highest` are adjectives that order by it.
    """

    names: frozenset[str]
    cues: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    lowest: frozenset[str] = frozenset()
    highest: frozenset[str] = frozenset()


NONE = frozenset[str]()

CONCEPTS: Mapping[str, Concept] = {
    "price": Concept(
        _words("price cost fare fee rent msrp tariff"),
        _words("price priced cost costing cheaper pricier cheap"),
        _words("dollar usd buck euro eur pound gbp yen jpy franc chf rupee inr"),
        _words("cheapest"),
        _words("priciest costliest dearest"),
    ),
    "money": Concept(
        _words("amount salary wage budget revenue total income value sale gross profit balance"),
        _words("earning paying paid worth"),
        _words("dollar usd buck euro eur pound gbp yen jpy franc chf rupee inr"),
    ),
    "rating": Concept(
        _words("rating star score grade rated"),
        _words("rating rated star scored scoring"),
        _words("star point"),
    ),
    "stock": Concept(
        _words("stock inventory quantity qty"),
        _words("stock left remaining quantity"),
        _words("left remaining unit"),
    ),
    "discount": Concept(
        _words("discount reduction rebate"),
        _words("discount discounted reduced off"),
        _words("% percent discount off"),
    ),
    "percent": Concept(_words("percent percentage pct share ratio"), units=_words("% percent")),
    "weight": Concept(
        _words("weight mass kg"),
        _words("weighing weight heavier lighter"),
        _words("kg kilo kilogram g gram lb oz ounce ton tonne"),
        _words("lightest"),
        _words("heaviest"),
    ),
    "length": Concept(
        _words("length"),
        _words("length long longer shorter"),
        _words("cm mm m km meter metre inch ft feet mile"),
        _words("shortest"),
        _words("longest"),
    ),
    "height": Concept(
        _words("height altitude elevation"),
        _words("height tall taller high"),
        _words("cm m meter metre inch ft feet"),
        _words("lowest shortest"),
        _words("tallest highest"),
    ),
    "size": Concept(
        _words("size area surface population"),
        _words("size bigger larger smaller"),
        _words("sqm m2 acre hectare"),
        _words("smallest tiniest"),
        _words("largest biggest"),
    ),
    "duration": Concept(
        _words("duration runtime minute length"),
        _words("lasting runtime longer shorter"),
        _words("min minute"),
        _words("shortest"),
        _words("longest"),
    ),
    "hours": Concept(_words("hour"), units=_words("hour h hr")),
    "days": Concept(_words("day"), units=_words("day")),
    "memory": Concept(
        _words("memory ram storage capacity disk gb"), NONE, _words("gb tb mb gigabyte terabyte")
    ),
    "age": Concept(
        _words("age"),
        _words("age aged older younger"),
        _words("year"),
        _words("youngest"),
        _words("oldest"),
    ),
    "distance": Concept(
        _words("distance"),
        _words("away far farther closer"),
        _words("km mile meter metre"),
        _words("nearest closest"),
        _words("farthest furthest"),
    ),
    "speed": Concept(
        _words("speed velocity"),
        _words("faster slower"),
        _words("mph kmh"),
        _words("slowest"),
        _words("fastest"),
    ),
    "popularity": Concept(
        _words("popularity view download like vote citation sale visit"),
        NONE,
        NONE,
        NONE,
        _words("popular viewed downloaded liked voted cited sold visited"),
    ),
}

MONEY_SIGNS = frozenset("$\u00a3\u20ac\u00a5\u20b9")

DATE_NAMES = _words(
    "date year day time timestamp when at on released release published publication publish "
    "created creation added updated modified changed posted issued issue born founded built "
    "opened signed due expiry expires start end launch launched made sent received"
)
"""Words in the names of fields that hold a time."""

DATE_VERBS: Mapping[str, frozenset[str]] = {
    fold(verb): _words(names)
    for verbs, names in (
        ("released release", "released release publication published"),
        ("published publication", "published publication publish released release"),
        ("added created uploaded listed", "added created creation uploaded listed"),
        ("updated modified changed revised", "updated modified changed revised"),
        ("posted issued sent written", "posted issued issue sent written"),
        ("born", "born birth"),
        ("founded established", "founded established"),
        ("built constructed", "built constructed construction"),
        ("opened", "opened"),
        ("launched", "launch launched"),
        ("due expiring expires", "due expiry expires end"),
        ("made produced from dated", ""),
    )
    for verb in verbs.split()
}
"""A verb before a time, and the names of the fields it may mean before all others."""

DATE_ORDER = (
    "date", "published", "publication", "released", "release", "year", "created", "added",
    "posted", "updated", "modified",
)  # fmt: skip
"""Which time is meant where the sentence does not say: the first of these that there is."""

NEWEST = _words("newest latest recent")
OLDEST = _words("oldest earliest")

VALUE_CUES: Mapping[str, frozenset[str]] = {
    fold(cue): _words(names)
    for cues, names in (
        (
            "starring featuring star stars stared acted",
            "cast actor star starring performer actress",
        ),
        ("directed", "director directed"),
        ("written authored", "author writer written"),
        ("published", "publisher published"),
        ("sung performed recorded", "artist singer performer band"),
        ("composed", "composer artist"),
        ("made manufactured produced", "brand manufacturer maker producer make vendor"),
        ("sold", "seller vendor shop store"),
        ("located based situated", "city country location place region"),
        ("titled called named entitled", "title name"),
        ("requiring using needing", "skill language technology tool ingredient requirement"),
        ("tagged labelled labeled", "tag label keyword topic"),
    )
    for cue in cues.split()
}
"""Words that say which field the value after them belongs to."""

PREPOSITIONS: Mapping[str, frozenset[str]] = {
    "by": _words("author artist brand director creator writer by maker manufacturer publisher"),
    "with": _words("cast actor star feature ingredient tag"),
    "from": _words("brand city country origin location source publisher region"),
    "in": _words(
        "city country location place language category store warehouse region colour color"
    ),
    "at": _words("place location store venue company city"),
    "for": _words("audience gender platform department team"),
    "of": _words("brand type kind category"),
}
"""Which field a value after a preposition more likely belongs to, where several hold it."""

TOPIC = _words("about regarding concerning involving like resembling unlike where whose depicting")
"""After one of these a sentence describes; it does not name values."""

GENERIC_RECORDS = _words(
    "item product result entry record document thing one option file row article piece"
)

RECORDS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (
        _words("film movie show series title"),
        _words("cast director runtime actor starring imdb genre"),
    ),
    (_words("book novel title"), _words("author isbn publisher page")),
    (_words("paper article publication study"), _words("journal doi venue author abstract")),
    (_words("song album track record"), _words("artist album label singer")),
    (_words("recipe dish meal"), _words("ingredient cuisine serving calory")),
    (_words("job position vacancy opening role"), _words("salary employer company")),
    (_words("hotel restaurant place venue"), _words("cuisine star city address")),
    (_words("car vehicle"), _words("mileage model make fuel")),
    (_words("house flat apartment home property listing"), _words("bedroom rent bathroom sqm")),
    (_words("email mail message"), _words("sender subject recipient")),
    (_words("order invoice ticket case"), _words("customer status priority assignee")),
    (_words("post report note"), _words("author published headline")),
)
"""Nouns for a record, and field names that show that a collection's records are such things."""
