"""What occurs in a collection's metadata: the values and bounds that a question may name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bedplate.domain.documents import Scalar
from bedplate.domain.filters import FieldKind


@dataclass(frozen=True, slots=True)
class Facet:
    """One field's values of one kind.

    `documents` have such a value; `entries` counts the values, of which a list has several.
    `values` are the distinct strings or booleans with the number of documents that have them, the
    most frequent first; `complete` says whether none was left out. `low` and `high` bound numbers
    and dates (dates as `normalise_date` writes them); `whole` says that every number is whole.
    """

    name: str
    kind: FieldKind
    documents: int
    entries: int
    values: Mapping[Scalar, int] = field(default_factory=dict[Scalar, int])
    complete: bool = True
    low: float | str | None = None
    high: float | str | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Facets:
    """All fields of a collection as of `generation`, which grows with each of its changes."""

    collection: str
    documents: int
    generation: int
    fields: tuple[Facet, ...] = ()
