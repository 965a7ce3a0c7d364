"""Facets of small invented collections, counted as a catalog counts them."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bedplate.domain.documents import MetadataValue, Scalar
from bedplate.domain.facets import Facet, Facets
from bedplate.domain.filters import FieldKind, kind_of, normalise_date
from bedplate.rag.self_query_vocabulary import Vocabulary


def facets(collection: str, rows: Sequence[Mapping[str, MetadataValue]]) -> Facets:
    counts: dict[tuple[str, FieldKind], Counter[Scalar]] = {}
    holders: Counter[tuple[str, FieldKind]] = Counter()
    for row in rows:
        keys: set[tuple[str, FieldKind]] = set()
        for name, value in row.items():
            for member in value if isinstance(value, list) else [value]:
                if member is not None:
                    key = (name, kind_of(member))
                    dated = normalise_date(member) if isinstance(member, str) else None
                    counts.setdefault(key, Counter())[dated or member] += 1
                    keys.add(key)
        holders.update(keys)
    return Facets(
        collection, len(rows), 1, tuple(_facet(key, counts[key], holders[key]) for key in counts)
    )


def vocabulary(collection: str, rows: Sequence[Mapping[str, MetadataValue]]) -> Vocabulary:
    return Vocabulary(facets(collection, rows))


def _facet(key: tuple[str, FieldKind], counts: Counter, documents: int) -> Facet:
    name, kind = key
    if kind in ("number", "date"):
        whole = kind == "number" and all(value == int(value) for value in counts)
        low, high = min(counts), max(counts)
        return Facet(name, kind, documents, counts.total(), low=low, high=high, whole=whole)
    return Facet(name, kind, documents, counts.total(), dict(counts.most_common()))


def cycled(count: int, **columns: Sequence[MetadataValue]) -> list[dict[str, MetadataValue]]:
    """`count` rows, each column repeating its values."""
    return [{name: v[n % len(v)] for name, v in columns.items()} for n in range(count)]


SHOP = vocabulary(
    "shop",
    cycled(
        60,
        title=[f"Thing {n}" for n in range(60)],
        category=["umbrella", "raincoat", "rubber boots", "tote bag", "sun-hats"],
        colour=["red", "blue", "navy blue", "black"],
        brand=["Nordlys", "Fjell & Co", "Acme"],
        price=[5, 19.5, 49.9, 120, 299],
        in_stock=[True, False],
        warehouse=["Oslo", "Bergen", "New York"],
        rating=[1, 2, 3, 4, 5],
        weight_kg=[0.2, 1.5, 4.0],
        waterproof=[True, False, True],
        added=["2025-02-03", "2025-07-19", "2026-02-20"],
        stock=[0, 12, 90],
        delivery=["Arrives overnight", "Arrives in 1-2 days", "Pick-up only"],
    ),
)
POLICIES = vocabulary(
    "policies",
    cycled(
        60,
        title=[f"Policy {n}" for n in range(60)],
        topic=[["refund"], ["travel", "security"], ["remote work"]],
        department=["Human Resources", "Finance", "Legal"],
        language=["English", "German"],
        updated_at=["2025-01-10", "2025-06-10", "2026-01-15"],
        version=[1, 2, 3],
        pages=[3, 40, 80],
        author=["Ada Lovelace", "Jean-Luc Picard", "Zoë Müller"],
    ),
)
PAPERS = vocabulary(
    "papers",
    cycled(
        60,
        title=[f"Paper {n}" for n in range(60)],
        authors=[["Yann LeCun", "Fei-Fei Li"], ["Yoshua Bengio", "Yann LeCun"], ["Ming Chen"]],
        venue=["NeurIPS", "ICML", "ACL"],
        year=[2012, 2017, 2019, 2024],
        citations=[5, 900, 40_000],
        area=["machine learning", "natural language processing"],
        open_access=[True, False],
    ),
)
HOTELS = vocabulary(
    "hotels",
    cycled(
        60,
        name=[f"Hotel {n}" for n in range(60)],
        city=["Lisbon", "Porto", "Faro"],
        stars=[1, 3, 4, 5],
        price_per_night=[40, 120, 600],
        rating=[6.1, 8.5, 9.7],
        amenities=[["pool", "spa"], ["free wifi", "pool"], ["pet friendly", "parking"]],
        distance_km=[0.4, 3.5],
        breakfast_included=[True, False],
    ),
)
FILMS = vocabulary(
    "films",
    cycled(
        60,
        title=["It", *(f"Film {n}" for n in range(59))],
        genre=[["Drama", "War"], ["Science Fiction"], ["Romantic Comedy", "Drama"], ["Short"]],
        cast=[["Ida Berg", "Tom Ask"], ["Cher", "The Roots"], ["Ole van der Meer"], ["It"]],
        director=["Ida Berg", "Kim Dahl"],
        year=[1975, 1988, 1997, 2006, 2019],
    ),
)
