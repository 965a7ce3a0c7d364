"""Models are fetched from the hub once, and never again; a process of its own asks a local hub."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fixtures.extras import load_or_skip
from tests.fixtures.model_hub import Hub, serve_model
from tests.fixtures.sentence_transformer import write_sentence_transformer
from tests.fixtures.tiny_encoder import VOCABULARY, encoder, write_tokenizer

from bedplate.embedders import EMBEDDERS

LISTED = "sentence-transformers/all-MiniLM-L6-v2"
ITS_REPOSITORY = "Qdrant/all-MiniLM-L6-v2-onnx"
ITS_DIMENSIONS = 384
TINY = "team/tiny"

OPEN = """
import asyncio, json, sys
from bedplate.embedders import EMBEDDERS
from bedplate.errors import BedplateError

async def main(use, options):
    try:
        async with EMBEDDERS.load(use)(options) as embedder:
            rows = await embedder.embed(["rain"])
            print(json.dumps({"fingerprint": embedder.fingerprint, "shape": rows.shape}))
    except BedplateError as error:
        print(json.dumps({"code": error.code, "message": error.message}))

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""


async def opened(hub: str, use: str, **options: Any) -> Any:
    """What a process says that opens the embedder, with its hub at that address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OPEN, use, json.dumps(options),
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HF_ENDPOINT": hub,
        },
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out.splitlines()[-1])


async def once(hub: Hub, use: str, **options: Any) -> None:
    fetched = await opened(hub.url, use, **options)
    assert "fingerprint" in fetched, fetched
    assert hub.files
    hub.requests.clear()
    assert await opened(hub.url, use, **options) == fetched
    assert await opened(hub.url, use, **options, offline=True) == fetched
    assert hub.requests == []


async def test_fastembed_fetches_a_model_once(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    random = np.random.default_rng(1)
    rows = random.standard_normal((len(VOCABULARY), ITS_DIMENSIONS)).astype(np.float32)
    (folder / "model.onnx").write_bytes(encoder(rows))
    write_tokenizer(folder)
    async with serve_model(folder, ITS_REPOSITORY) as hub:
        await once(hub, "fastembed", model=LISTED, cache=str(tmp_path / "cache"))


async def test_sentence_transformers_fetches_a_model_once(tmp_path: Path) -> None:
    load_or_skip(EMBEDDERS, "sentence_transformers")
    folder = write_sentence_transformer(tmp_path / "there")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.json").write_text("{}", encoding="utf-8")
    (folder / "code.py").write_text("raise SystemExit", encoding="utf-8")
    async with serve_model(folder, TINY) as hub:
        await once(hub, "sentence_transformers", model=TINY, cache=str(tmp_path / "cache"))
        assert not {"code.py", "onnx/model.json"} & set(hub.files)


@pytest.mark.parametrize(("use", "model"), [("fastembed", LISTED), ("sentence_transformers", TINY)])
async def test_a_hub_that_is_not_there_is_an_upstream_error(
    tmp_path: Path, use: str, model: str
) -> None:
    load_or_skip(EMBEDDERS, use)
    said = await opened("http://127.0.0.1:9", use, model=model, cache=str(tmp_path / "cache"))
    assert said["code"] == "upstream_error"
    assert model in said["message"]
    assert str(tmp_path / "cache") in said["message"]
