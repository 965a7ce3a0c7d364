"""Numbers, dates and units as texts write them."""

import pytest
from tests.fixtures.judging import passage

from bedplate.judges.facts import read_facts
from bedplate.judges.mismatches import mismatches
from bedplate.judges.protocol import Statement
from bedplate.judges.sources import Sources
from bedplate.judges.wording import read_claim


def found(claim, *sentences):
    sources = Sources([passage(1, "\n\n".join(sentences))])
    wording = read_claim(Statement(claim, 0, len(claim)), "", sources)
    return mismatches(wording, sources.lines)


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("It costs $1,200.", "The price is 1200 dollars."),
        ("It takes two weeks.", "It takes 14 days."),
        ("It weighs 1.5 kg.", "Its weight is 1,500 g."),
        ("Five million people came.", "5,000,000 people came."),
        ("It has 21 rooms.", "It has twenty-one rooms."),
        ("It opened on 5 March 2012.", "Opened 2012-03-05."),
        ("It opened in March 2012.", "It opened on March 5, 2012."),
        ("It opened in 1998.", "In 1998 the shop opened."),
        ("Es kostet 1.234 Euro.", "Der Preis ist 1234 Euro."),
        ("Prices rose 20 %.", "Prices rose by 20 percent."),
        ("It cannot be returned.", "Returns are not possible."),
        ("It is in New York.", "New York has it."),
        ("They met in May.", "They may have met."),
    ],
)
def test_what_is_written_otherwise_is_the_same(claim, source):
    assert found(claim, source) == ()


@pytest.mark.parametrize(
    ("claim", "source", "mismatch"),
    [
        ("It takes 60 days.", "It takes 30 days.", "number"),
        ("It takes 30 weeks.", "It takes 30 days.", "unit"),
        ("It costs €50.", "It costs $50.", "unit"),
        ("It opened on 6 March 2012.", "It opened on March 5, 2012.", "date"),
        ("It opened in 2013.", "It opened in 2012.", "date"),
        ("The shop is in Tromso.", "The shop is in Bergen.", "entity"),
        ("It can be returned.", "It cannot be returned.", "negation"),
        ("Es kann zurückgegeben werden.", "Es kann nicht zurückgegeben werden.", "negation"),
    ],
)
def test_what_differs_is_named(claim, source, mismatch):
    assert found(claim, source) == (mismatch,)


def test_a_dates_numbers_are_no_quantities():
    facts = read_facts("On March 5, 2012 it sold 12 of 40.")
    assert len(facts.days) == 1
    assert sorted(min(each.values) for each in facts.quantities) == [12.0, 40.0]


@pytest.mark.parametrize("unit", ["1", "1,", "1.", "two ", "5 May ", "A", "$", "not "])
def test_a_hostile_sentence_is_read(unit):
    read_facts(unit * 20_000)
