"""What of an answer is a claim, and that the cuts of a stream do not matter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.judging import cut

from bedplate.judges.claims import LONGEST, ClaimSplitter, split_claims

ANSWER = """Sure! Here is what I found:

# Returns
Umbrellas may be returned within 30 days. [1] Refunds go to the card [2], e.g. Visa cards. Dr. Smith \
said so [1][7].
The fees are:
- 5 euros for tents [1]
- **10 euros** for kayaks. They cannot be
  returned once opened [2].

| Product | Price |
|---|---|
| Kayak | 500 [1] |

```python
print("Nothing is claimed here. Or here.")
```
Would you like more? The sources do not say when it opened. I hope this helps!
"""


def texts(answer, numbers=(1, 2)):
    return [each.text for each in split_claims(answer, set(numbers))]


def test_sentences_items_and_rows_are_claims_and_talk_and_code_are_not():
    assert texts(ANSWER) == [
        "Umbrellas may be returned within 30 days.",
        "Refunds go to the card, e.g. Visa cards.",
        "Dr. Smith said so.",
        "5 euros for tents",
        "10 euros for kayaks.",
        "They cannot be returned once opened.",
        "Product: Kayak; Price: 500",
    ]


def test_a_claim_knows_its_markers_and_what_it_stands_under():
    found = split_claims(ANSWER, {1, 2})
    assert [(each.cited, each.invalid) for each in found][:3] == [
        ((1,), ()),
        ((2,), ()),
        ((1,), (7,)),
    ]
    assert [each.under for each in found][2:5] == ["Returns", "The fees are", "The fees are"]
    assert found[-1].under == "Product; Price"


def test_a_claim_is_a_slice_of_its_answer():
    for each in split_claims(ANSWER, {1, 2}):
        assert each.text.split()[-1].strip(".") in ANSWER[each.start : each.end]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_the_cuts_of_a_stream_do_not_matter(sizes):
    splitter = ClaimSplitter({1, 2})
    found = [each for piece in cut(ANSWER, sizes) for each in splitter.push(piece)]
    assert [*found, *splitter.finish()] == split_claims(ANSWER, {1, 2})


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            ["A b. ", "a", ".", " ", "\n", "|", "|-|", "- ", "# ", "```", "[1]", "[", "1]", "Dr.", "。", ":", "?"]
        ),
        max_size=25,
    ).map("".join),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
)  # fmt: skip
def test_the_cuts_do_not_matter_whatever_the_text(text, sizes):
    splitter = ClaimSplitter({1})
    found = [each for piece in cut(text, sizes) for each in splitter.push(piece)]
    assert [*found, *splitter.finish()] == split_claims(text, {1})


def test_a_claim_is_told_as_soon_as_the_next_word_is_there():
    splitter = ClaimSplitter({1})
    assert splitter.push("Tents are refunded. [1") == []
    assert [each.text for each in splitter.push("] Boots ")] == ["Tents are refunded."]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The documents do not say this, but the fee is 9 euros.", 1),
        ("The sources do not mention the 9 euros.", 1),
        ("The sources do not mention a fee.", 0),
        ("I don't know the fee; it is 9 euros.", 1),
        ("Let me know if you have any questions.", 0),
        ("The fee is 20 euros for these reasons:", 1),
        ("他出生于1980年。他死于2000年[1]。", 2),
        ("Он родился в Москве. Он умер в Париже.", 2),
        ("Yes.", 1),
    ],
)
def test_what_says_something_counts(answer, expected):
    assert len(texts(answer)) == (expected if answer != "Yes." else 1)


def test_a_table_without_a_head_gives_its_rows():
    assert texts("| Kayak | 500 |\n| Tent | 100 |") == ["Kayak; 500", "Tent; 100"]


def test_a_claim_without_an_end_is_cut():
    found = split_claims("word " * 2_000, set())
    assert len(found) == 11
    assert all(each.end - each.start <= LONGEST for each in found)


def test_long_and_hostile_answers_are_worked_through():
    assert len(split_claims("Tents are refunded. " * 10_000, set())) == 10_000
    for unit in (".", "[1]", "|", "```\n", "- ", "a:\n", "(", "\n", "[1 "):
        split_claims(unit * 20_000, {1})
