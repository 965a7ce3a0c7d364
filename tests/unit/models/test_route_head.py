"""A head says how much a prompt needs the large model, and how far it knows such prompts."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.models.route_curve import curve
from bedplate.models.route_features import MOST_CHARACTERS, NAMES, surface_features
from bedplate.models.route_file import BadHead, pack, shipped_head, unpack
from bedplate.models.route_fit import Labelled, Recipe, fit_head
from bedplate.models.route_head import RouteHead
from bedplate.models.route_heads import fit_outcomes, fit_ridge
from bedplate.models.route_trees import Trees

HEAD = shipped_head()
KNOWN = (
    "A farmer has 12 cows, and each gives 8 litres of milk a day. He sells 3/4 of it at $2 a litre. "
    "How much does he earn in a week?"
)
WIDTH = 16


def made(count: int = 300) -> tuple[Labelled, list[str]]:
    """Prompts of which the large model is better at those with a number and along one direction."""
    draw = np.random.default_rng(3)
    numbers = draw.integers(0, 2, count)
    length = draw.integers(5, 60, count)
    prompts = [
        " ".join(["word"] * n) + (" 7 and 12 and 40" if k else " and so on")
        for n, k in zip(length, numbers, strict=True)
    ]
    vectors = draw.normal(size=(count, WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hard = (numbers + (vectors[:, 0] > 0)) / 2
    small = (draw.random(count) > 0.8 * hard).astype(float)
    rows = np.stack([surface_features(prompt) for prompt in prompts])
    return Labelled(rows, vectors, small, np.ones(count), np.ones(count)), prompts


DATA, PROMPTS = made()
FITTED, TOTALS = fit_head(DATA, "test", Recipe())


@given(st.text())
def test_any_text_has_the_same_finite_features_and_a_score_from_0_to_1(prompt: str) -> None:
    features = surface_features(prompt)
    assert features.shape == (len(NAMES),)
    assert np.isfinite(features).all()
    assert (features == surface_features(prompt)).all()
    assert 0 <= HEAD.estimate(prompt).score <= 1


def test_the_whole_length_of_a_long_prompt_counts() -> None:
    short, long = (surface_features("word " * n * MOST_CHARACTERS) for n in (1, 2))
    assert long[NAMES.index("characters")] > short[NAMES.index("characters")]
    assert long[NAMES.index("words")] == short[NAMES.index("words")]


@pytest.mark.parametrize("prompt", ["", "hi", "thanks!", "Can you help me?", "ok " * 4])
def test_short_and_trivial_prompts_are_of_no_need(prompt: str) -> None:
    found = HEAD.estimate(prompt)
    assert found.score < 0.1
    assert (found.known, found.benefit) == (0, None)


def test_prompts_unlike_the_known_ones_are_ranked_by_length_however_long() -> None:
    lengths = [1, 10, 100, 1_000, 10_000, 100_000]
    found = [HEAD.estimate("zq" * n) for n in lengths]
    assert [each.known for each in found] == [0] * len(lengths)
    scores = [each.score for each in found]
    assert scores == sorted(set(scores))


def test_a_prompt_like_the_known_ones_is_judged_by_the_heads() -> None:
    found = HEAD.estimate(KNOWN)
    assert found.known == 1
    assert found.benefit is not None
    assert found.reason == "like known prompts"


def test_a_vector_far_from_all_known_ones_is_enough_to_be_far() -> None:
    assert HEAD.full is not None
    away = np.zeros(384)
    away[0] = 1.0
    assert HEAD.estimate(KNOWN, away).known == 0


def test_a_fitted_head_ranks_by_what_the_large_model_is_better_at() -> None:
    found = curve(TOTALS, DATA.benefit)
    length = curve(DATA.rows[:, 0], DATA.benefit)
    assert found is not None
    assert length is not None
    assert found.apgr > 0.6 > length.apgr
    scores, known, _ = FITTED.estimates(DATA.rows, DATA.vectors)
    assert known.mean() > 0.8
    assert FITTED.share_for(0.8) == pytest.approx(found.cpt(0.8), abs=0.02)
    in_sample = curve(scores, DATA.benefit)
    assert in_sample is not None
    assert in_sample.apgr > found.apgr - 0.02


def test_without_trust_only_the_length_is_ranked() -> None:
    found = replace(FITTED, trust=0.0).estimate(PROMPTS[0])
    assert (found.known, found.benefit) == (0, None)
    assert not replace(FITTED, trust=0.0).needs_vectors("test")
    assert FITTED.needs_vectors("test")
    assert not FITTED.needs_vectors("another")


@pytest.mark.parametrize("head", [HEAD, FITTED], ids=["shipped", "fitted"])
def test_a_head_comes_back_from_its_file_and_its_bytes_are_the_same(head: RouteHead) -> None:
    content = pack(head)
    assert content == pack(head)
    back = unpack(content)
    rows = DATA.rows[:20]
    for mine, theirs in zip(head.estimates(rows, None), back.estimates(rows, None), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-4)
    assert (back.fingerprint, back.prompts) == (head.fingerprint, head.prompts)


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as opened:
        return {name: opened[name] for name in opened.files}


def written(arrays: dict[str, np.ndarray]) -> bytes:
    target = io.BytesIO()
    np.savez(target, **arrays)  # type: ignore[arg-type]
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("light.ridge.weights", np.zeros(3)),
        ("light.ridge.scale", np.zeros(len(NAMES))),
        ("lengths", np.full(101, np.nan)),
        ("full.outcomes", np.zeros((9, 4))),
        ("known.centres", np.zeros((4, WIDTH))),
        ("trust", np.array(["much"])),
        ("about", np.frombuffer(b"{}", np.uint8)),
        ("about", np.frombuffer(b"[1", np.uint8)),
    ],
)
def test_a_file_whose_arrays_do_not_fit_is_no_head(name: str, value: np.ndarray) -> None:
    with pytest.raises(BadHead):
        unpack(written({**arrays_of(pack(FITTED)), name: value}))


def test_a_file_that_lacks_an_array_is_no_head() -> None:
    arrays = arrays_of(pack(FITTED))
    for name in arrays:
        if not name.startswith("full.outcomes"):
            with pytest.raises(BadHead):
                unpack(written({key: kept for key, kept in arrays.items() if key != name}))


def test_trees_whose_branches_run_in_a_circle_are_refused() -> None:
    arrays = arrays_of(pack(HEAD))
    left = arrays["light.trees.left"].copy()
    left[0, 0] = 0
    with pytest.raises(BadHead, match="branches"):
        unpack(written({**arrays, "light.trees.left": left}))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 100])
def test_other_bytes_are_no_head(content: bytes) -> None:
    with pytest.raises(BadHead):
        unpack(content)


def test_a_file_of_pickled_objects_is_refused() -> None:
    target = io.BytesIO()
    np.savez(target, about=np.array([{"format": 1}], dtype=object))
    with pytest.raises(BadHead):
        unpack(target.getvalue())


def test_a_file_that_unpacks_to_too_much_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.npy", bytes(64 * 1024 * 1024))
    with pytest.raises(BadHead, match="unpacked"):
        unpack(target.getvalue())


def test_ridge_finds_a_line_and_outcomes_find_who_does_well() -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(500, 3))
    ridge = fit_ridge(rows, 2 * rows[:, 0] - rows[:, 1] + 1, 1e-6)
    assert ridge.predict(np.array([[0.5, 0.5, 0.0]])) == pytest.approx([1.5], abs=0.05)
    vectors = np.eye(2)[draw.integers(0, 2, 400)]
    found = fit_outcomes(vectors, vectors[:, 0], vectors[:, 1], penalty=1.0)
    only_small, only_large = found.predict(np.eye(2))
    assert only_small < -0.9
    assert only_large > 0.9


def test_trees_walk_from_the_root_to_a_leaf() -> None:
    one = Trees(
        column=np.array([[0, -1, 1, -1, -1]], np.int16),
        threshold=np.array([[0.5, 0, 2.0, 0, 0]], np.float32),
        left=np.array([[1, -1, 3, -1, -1]], np.int16),
        right=np.array([[2, -1, 4, -1, -1]], np.int16),
        value=np.array([[0, 1.0, 0, 2.0, 3.0]], np.float32),
    )
    rows = np.array([[0.5, 9.0], [0.6, 2.0], [0.6, 2.1]])
    assert one.predict(rows).tolist() == [1.0, 2.0, 3.0]


def test_a_curve_is_a_line_by_chance_and_none_without_a_lead() -> None:
    benefit = np.array([1.0, 0.0, 0.0, 1.0])
    perfect = curve(benefit, benefit)
    assert perfect is not None
    assert (perfect.apgr, perfect.cpt(0.5), perfect.cpt(1.0)) == (0.75, 0.25, 0.5)
    equal = curve(np.zeros(4), benefit)
    assert equal is not None
    assert equal.apgr == 0.5
    assert curve(benefit, benefit * 0) is None
