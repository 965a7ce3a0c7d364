"""Texts that are alike share keys, and their likeness is estimated about right."""

import random

import pytest

from bedplate.quality.likeness import NEAR, keys, likeness, signature, text_hash

WORDS = [f"word{n}" for n in range(3_000)]


def text(seed: int, length: int = 400) -> list[str]:
    return random.Random(seed).choices(WORDS, k=length)


def edited(words: list[str], changes: int, seed: int) -> list[str]:
    changed = list(words)
    for at in random.Random(seed).sample(range(len(words)), changes):
        changed[at] = "changed"
    return changed


def jaccard(one: list[str], other: list[str]) -> float:
    a, b = ({tuple(w[n : n + 5]) for n in range(len(w) - 4)} for w in (one, other))
    return len(a & b) / len(a | b)


def test_near_duplicates_share_a_key_and_are_estimated_within_a_tenth() -> None:
    found = 0
    for seed in range(60):
        one = text(seed)
        other = edited(one, 5, seed)
        true = jaccard(one, other)
        a, b = signature([" ".join(one)]), signature([" ".join(other)])
        assert abs(likeness(a, b) - true) < 0.15
        assert true > NEAR
        found += bool(set(keys("a", a)) & set(keys("b", b)))
    assert found == 60


def test_unrelated_texts_are_not_alike() -> None:
    signatures = [signature([" ".join(text(seed))]) for seed in range(40)]
    shared = [keys(str(n), each) for n, each in enumerate(signatures)]
    assert len({key for each in shared for key in each}) == sum(map(len, shared))
    assert max(likeness(signatures[0], other) for other in signatures[1:]) < 0.03


def test_white_space_alone_makes_no_other_text() -> None:
    assert text_hash(["a  b\nc", "d"]) == text_hash(["a b", " c d "])
    assert text_hash(["10 %"]) != text_hash(["10 $"])


@pytest.mark.parametrize("short", ["", "ten words are not enough to tell texts apart, are they"])
def test_short_texts_have_no_signature_and_share_only_the_whole_text(short: str) -> None:
    assert signature([short]) == b""
    assert len(keys(text_hash([short]), b"")) == 1


def test_scripts_without_spaces_are_compared_too() -> None:
    one = "退款在三十天内支付，商品必须未经使用并附有收据，商店会在收到商品后检查。"
    assert likeness(signature([one]), signature([one.replace("三十", "六十")])) > 0.5
