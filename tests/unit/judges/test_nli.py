"""The `nli` judge over a model that counts the words which evidence and claim share."""

import json
from math import exp
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.judging import case, opened_judge
from tests.fixtures.tiny_cross_encoder import write_cross_encoder

from bedplate.domain.answers import Grounding
from bedplate.errors import ConfigError
from bedplate.judges.protocol import Case

SOURCES = case("the umbrella keeps you dry\n\nrain rain", "sugar, the cake recipe")
CLAIM = "dry keeps the umbrella rain"
"""Shares "dry", "keeps", "umbrella" and "the" with one sentence, and "rain" with the next."""


async def judged(
    folder: Path,
    answer: str = CLAIM,
    sources: Case = SOURCES,
    *,
    form: dict[str, Any] | None = None,
    **options: Any,
) -> Grounding:
    write_cross_encoder(folder, **(form or {}))
    async with opened_judge("nli", folder=str(folder), window=64, **options) as judge:
        return await judge.check(sources, answer)


def named(folder: Path, *labels: str) -> None:
    folder.mkdir(exist_ok=True)
    told = {"id2label": {str(number): label for number, label in enumerate(labels)}}
    (folder / "config.json").write_text(json.dumps(told))


def sigmoid(logit: float) -> float:
    return 1 / (1 + exp(-logit))


async def test_one_logit_is_made_a_probability(tmp_path: Path) -> None:
    got = await judged(tmp_path, "dry cake", sentences=1)
    assert got.claims[0].score == pytest.approx(sigmoid(1), abs=1e-4)
    assert got.claims[0].evidence is not None


@pytest.mark.parametrize("by", ["name", "number", "config"])
async def test_the_label_of_what_is_carried_is_named_numbered_or_found(
    tmp_path: Path, by: str
) -> None:
    named(tmp_path, "CONTRADICTION", "Neutral" if by != "config" else "ENTAILMENT", "other")
    options: dict[str, Any] = {"name": {"supported": "neutral"}, "number": {"supported": 1}}.get(
        by, {}
    )
    got = await judged(tmp_path, "dry cake", form={"output": "three"}, sentences=1, **options)
    share = exp(1) / (2 * exp(1) + exp(-1))
    assert got.claims[0].score == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("options", [{}, {"supported": 3}, {"supported": -1}, {"supported": "no"}])
async def test_labels_that_do_not_tell_are_an_error_that_lists_them(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    named(tmp_path, "LABEL_0", "LABEL_1", "LABEL_2")
    with pytest.raises(ConfigError, match=r"0 \(label_0\), 1 \(label_1\).* set supported"):
        await judged(tmp_path, form={"output": "three"}, **options)


async def test_a_folder_without_a_config_asks_for_the_label(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without names; set supported to one of them, 0 to 1"):
        await judged(tmp_path, form={"output": "two"})


async def test_the_sentences_nearest_to_the_claim_are_read_in_their_order(tmp_path: Path) -> None:
    one = await judged(tmp_path, sentences=1)
    two = await judged(tmp_path, sentences=2)
    # "the", "umbrella", "keeps", "dry"; then twice "rain" as well.
    assert one.claims[0].score == pytest.approx(sigmoid(4), abs=1e-4)
    assert two.claims[0].score == pytest.approx(sigmoid(6), abs=1e-4)
    swapped = await judged(tmp_path, sentences=2, swapped=True)
    assert swapped.claims[0].score == two.claims[0].score


async def test_the_threshold_decides(tmp_path: Path) -> None:
    assert (await judged(tmp_path)).verdict == "supported"
    assert (await judged(tmp_path, threshold=0.999)).verdict == "unsupported"
    async with opened_judge("nli", folder=str(tmp_path), window=64, threshold=0.999) as judge:
        assert judge.threshold == 0.999


async def test_another_number_is_unsupported_whatever_the_model_says(tmp_path: Path) -> None:
    sources = case("the 3 umbrella keeps you dry")
    got = await judged(tmp_path, "the 4 umbrella keeps you dry", sources)
    assert (got.verdict, got.claims[0].mismatches) == ("unsupported", ("number",))


async def test_a_passage_that_carries_it_uncited_is_named(tmp_path: Path) -> None:
    got = await judged(tmp_path, "the cake recipe sugar [1]", threshold=0.9)
    assert (got.verdict, got.claims[0].uncited) == ("unsupported", 2)


async def test_a_score_that_is_no_number_fails_and_is_never_support(tmp_path: Path) -> None:
    got = await judged(tmp_path, "poison dry", case("dry poison keeps you"))
    assert (got.verdict, got.score) == ("failed", 0.0)
    assert "no finite number" in got.reason


async def test_a_model_that_classifies_no_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes pixels|a cross-encoder takes"):
        await judged(tmp_path, form={"extra_input": "pixels"})
    with pytest.raises(ConfigError, match="is not there"):
        async with opened_judge("nli", folder=str(tmp_path / "none")):
            pass


async def test_an_enormous_claim_is_cut_to_the_window(tmp_path: Path) -> None:
    got = await judged(tmp_path, "dry " * 5_000, case("dry " * 5_000))
    assert all(0 <= claim.score <= 1 for claim in got.claims)
    assert got.verdict in ("supported", "unsupported")
