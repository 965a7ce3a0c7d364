"""The cross-encoder over a model that counts the words query and passage share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fixtures.onnx_graph import FLOAT, INT32
from tests.fixtures.tiny_cross_encoder import VOCABULARY, WORDS, tokenizer, write_cross_encoder

from bedplate.errors import ConfigError, UpstreamError, UpstreamTimeout
from bedplate.pair_model import PairTokenizer
from bedplate.rerankers.cross_encoder import open_cross_encoder
from bedplate.rerankers.protocol import Reranker

TEXTS = ["the umbrella keeps you dry", "cake", "rain rain", ""]


@asynccontextmanager
async def opened(folder: Path, window: int = 64, **form: Any) -> AsyncIterator[Reranker]:
    write_cross_encoder(folder, **form)
    async with open_cross_encoder({"folder": str(folder), "window": window}) as reranker:
        yield reranker


async def scores(folder: Path, query: str, texts: list[str], **form: Any) -> list[float]:
    async with opened(folder, **form) as reranker:
        return await reranker.score(query, texts, deadline=None)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"output": "logit"}, [1.0, 0.0, 2.0, 0.0]),
        ({"output": "flat"}, [1.0, 0.0, 2.0, 0.0]),
        ({"output": "two"}, [2.0, 0.0, 4.0, 0.0]),
        ({"integers": INT32}, [1.0, 0.0, 2.0, 0.0]),
        ({"takes_types": False}, [7.0, 3.0, 4.0, 2.0]),
    ],
)
async def test_logits_come_as_they_are_whatever_form_the_model_has(
    tmp_path: Path, form: dict[str, Any], expected: list[float]
) -> None:
    assert await scores(tmp_path, "rain umbrella", TEXTS, **form) == expected


async def test_the_passage_is_cut_to_the_window_and_the_query_is_not(tmp_path: Path) -> None:
    # 64 pieces: 3 special ones, 2 of the query, 59 of the passage.
    assert await scores(tmp_path, "rain cake", ["rain " * 500 + "cake"]) == [59.0]


async def test_a_query_that_leaves_no_room_is_cut_to_half_of_the_window(tmp_path: Path) -> None:
    # 64 pieces: 3 special ones, 30 of the query, 31 of the passage.
    assert await scores(tmp_path, "rain " * 500, ["rain " * 500]) == [30.0 * 31.0]


async def test_the_tokenizer_file_s_own_padding_and_limit_are_set_aside(tmp_path: Path) -> None:
    assert await scores(tmp_path, "rain", ["cake " * 20 + "rain"]) == [1.0]


@given(st.lists(st.text(max_size=300), min_size=1, max_size=8), st.text(max_size=300))
def test_any_pair_fits_the_window_and_begins_with_the_query(texts: list[str], query: str) -> None:
    pairs = PairTokenizer(tokenizer(longest=8).to_str().encode(), 16)
    separator = VOCABULARY["[SEP]"]
    for encoding in pairs.encode(query, texts):
        assert 3 <= len(encoding.ids) <= 16
        assert encoding.ids[0] == VOCABULARY["[CLS]"]
        assert encoding.ids[-1] == separator
        assert encoding.type_ids.count(0) <= 2 + (16 - 3) // 2


async def test_a_text_scores_alike_in_any_batch(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(WORDS[:-1], size=n)) for n in rng.integers(0, 50, size=200)]
    async with opened(tmp_path) as reranker:
        together = await reranker.score("rain cake you", texts, deadline=None)
        alone = [
            (await reranker.score("rain cake you", [text], deadline=None))[0] for text in texts[:20]
        ]
    assert together[:20] == alone


async def test_a_score_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="gave text 1 the score nan") as caught:
        await scores(tmp_path, "rain", ["rain", "poison"])

    assert caught.value.provider == "cross_encoder"


async def test_a_tokenizer_of_another_model_is_an_error_that_names_the_model(
    tmp_path: Path,
) -> None:
    with pytest.raises(UpstreamError, match=r"model\.onnx' failed: .*out of data bounds"):
        await scores(tmp_path, "rain", ["sugar"], words=6)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"output": "three"}, r"for 2 pairs has the shape \(2, 3\); one logit a pair"),
        ({"extra_input": "position_ids"}, "takes .*position_ids; a cross-encoder takes"),
        ({"width": 32}, "cannot read a pair of 64 pieces: .* Lower window"),
        ({"integers": FLOAT}, "cannot be loaded"),
    ],
)
async def test_a_model_of_another_shape_is_refused_at_start_up(
    tmp_path: Path, form: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        async with opened(tmp_path, **form):
            pass


async def test_a_window_that_the_model_can_read_opens(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path, width=32)
    with pytest.raises(ConfigError, match="cannot read a pair of 16 pieces"):
        async with open_cross_encoder({"folder": str(tmp_path), "window": 16}):
            pass
    async with open_cross_encoder({"folder": str(tmp_path), "window": 32}):
        pass


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.onnx", b"no model", r"model\.onnx' cannot be loaded"),
        ("model.onnx", b"", r"model\.onnx' cannot be loaded"),
        ("tokenizer.json", b"{", r"tokenizer\.json' cannot be read"),
        ("tokenizer.json", b"\xff", r"tokenizer\.json' cannot be read"),
        ("model.onnx", None, r"model\.onnx' is not there"),
        ("tokenizer.json", None, r"tokenizer\.json' is not there"),
    ],
)
async def test_a_file_that_is_missing_or_broken_is_named(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    write_cross_encoder(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        async with open_cross_encoder({"folder": str(tmp_path)}):
            pass


async def test_a_folder_laid_out_as_on_a_hub_opens(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path)
    (tmp_path / "onnx").mkdir()
    (tmp_path / "model.onnx").rename(tmp_path / "onnx" / "model.onnx")
    async with open_cross_encoder({"folder": str(tmp_path)}) as reranker:
        assert await reranker.score("rain", ["rain"], deadline=None) == [1.0]


async def test_the_two_files_may_be_named_one_by_one(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path)
    files = {"model": tmp_path / "model.onnx", "tokenizer": tmp_path / "tokenizer.json"}
    async with open_cross_encoder(files) as reranker:
        assert await reranker.score("rain", ["rain"], deadline=None) == [1.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"model": "m.onnx"},
        {"tokenizer": "t.json"},
        {"folder": "f", "model": "m.onnx"},
        {"folder": "f", "model": "m.onnx", "tokenizer": "t.json"},
        {"folder": "f", "window": 8},
        {"folder": "f", "threads": 0},
    ],
)
async def test_options_that_do_not_go_together_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        async with open_cross_encoder(wrong):
            pass


async def test_a_deadline_that_passes_in_mid_work_is_a_timeout_and_ends_the_work(
    tmp_path: Path,
) -> None:
    write_cross_encoder(tmp_path)
    options = {"folder": str(tmp_path), "window": 512, "workers": 1}
    async with open_cross_encoder(options) as reranker:
        soon = asyncio.get_running_loop().time() + 0.05
        with pytest.raises(UpstreamTimeout, match="not done by the deadline"):
            await reranker.score("rain " * 200, ["cake " * 500] * 1_500, deadline=soon)
        # The one worker is free again: what nobody waits for stops.
        assert await reranker.score("rain", ["rain"], deadline=None) == [1.0]
