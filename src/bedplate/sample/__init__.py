"""The packaged sample: an invented outdoor shop's papers, and questions that show what works.

Everything in `files/` was written for this project; people, shops and numbers are invented, and
the telephone numbers, cards and accounts are ones that issuers set aside for examples.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

Feature = Literal["meaning", "filter", "sort", "page", "table", "freshness", "scrubbing", "refusal"]


@dataclass(frozen=True, slots=True)
class Showcase:
    """A question and what must come of it.

    `how` is the command that fits. `expected` are strings of the answer's text, or titles among
    the first hits of a search; `forbidden` may be in neither. `refused` means that the sample
    holds no answer. `filter` is an expression, `sort` a field as the command line takes them.
    """

    feature: Feature
    shows: str
    how: Literal["ask", "search"]
    question: str
    expected: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    refused: bool = False
    filter: str | None = None
    sort: str | None = None


PERSONAL_DATA = (
    "ingrid.solheim@example.com",
    "d.weiss@example.com",
    "priya.nair@example.com",
    "020 7946 0018",
    "+49 30 23125 014",
    "(202) 555-0143",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "219-09-9999",
    "203.0.113.42",
    "AKIAIOSFODNN7EXAMPLE",
)
"""What stands in the e-mails and must never leave the server."""

SHOWCASE = (
    Showcase(
        feature="freshness",
        shows="three refund policies contradict each other; the one of 2026 answers",
        how="ask",
        question="How many days do I have to return an item?",
        expected=("60 days",),
        forbidden=("14 days", "30 days"),
    ),
    Showcase(
        feature="freshness",
        shows="the fee was 15 % in 2022 and 5 % in 2024; today there is none",
        how="ask",
        question="Is there a restocking fee on returns?",
        expected=("no restocking fee",),
        forbidden=("15 %",),
    ),
    Showcase(
        feature="meaning",
        shows="no sheet of an umbrella or trench coat has a word of the question in it",
        how="search",
        question="rainy weather gear",
        expected=("Skua folding umbrella", "Harbour trench coat, men"),
    ),
    Showcase(
        feature="filter",
        shows="a price limit and stock are conditions, not words",
        how="search",
        question="keeps you dry",
        filter='price < 60 and in_stock == true and category == "umbrellas"',
        expected=("Skua folding umbrella", "Gannet long umbrella"),
        forbidden=("Puffin umbrella for children",),
    ),
    Showcase(
        feature="filter",
        shows="dates compare as dates",
        how="search",
        question="shoes for the hills",
        filter='added >= "2026-01-01" and category == "footwear"',
        expected=("Tussock light boots", "Whin trail running shoes"),
        forbidden=("Cairn hiking boots",),
    ),
    Showcase(
        feature="sort",
        shows="no question at all: every row that passes, cheapest first",
        how="search",
        question="",
        filter='category == "tents" and in_stock == true',
        sort="price",
        expected=("Machair 4 family tent", "Lofoten 2 tent"),
        forbidden=("Wren solo tent",),
    ),
    Showcase(
        feature="page",
        shows="the citation names the page of the PDF",
        how="ask",
        question="What does express delivery cost?",
        expected=("£9.90",),
    ),
    Showcase(
        feature="table",
        shows="the answer stands in a table of the Word document",
        how="ask",
        question="How long is the warranty on umbrellas?",
        expected=("10 years",),
    ),
    Showcase(
        feature="scrubbing",
        shows="the customer's address was replaced before anything was indexed",
        how="ask",
        question="How can I reach Ingrid Solheim about order FO-20417?",
        expected=("[EMAIL]",),
        forbidden=("ingrid.solheim@example.com", "020 7946 0018"),
    ),
    Showcase(
        feature="refusal",
        shows="nothing in the sample answers this, and that is what is said",
        how="ask",
        question="Who is the chief executive of Fjellvik Outdoor?",
        refused=True,
    ),
    Showcase(
        feature="refusal",
        shows="a question from another world",
        how="ask",
        question="How tall is Mount Kilimanjaro?",
        refused=True,
    ),
)


@contextmanager
def sample_path() -> Generator[Path]:
    """The folder of the sample's files; it may be gone when the context ends."""
    with as_file(files(__name__) / "files") as folder:
        yield folder
