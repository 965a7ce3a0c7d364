"""Start-up: what is wrong with a configuration is said before anything is served."""

from pathlib import Path
from typing import Any

import pytest

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.errors import ConfigError, StorageError


async def start(folder: Path, **settings: Any) -> None:
    arguments = {"data.dir": str(folder / "data"), "embedder.use": "hashing", **settings}
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        await app.check()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"store.use": "sqlit"}, r"store\.use: There is no stores adapter 'sqlit'.*'sqlite'"),
        ({"store.cache": 3}, r"Unknown setting 'store\.cache': the adapter 'sqlite'"),
        ({"models.x.use": "openai"}, r"models\.x"),
        ({"reranker.use": "http2"}, r"reranker\.use: There is no rerankers adapter .*'http'"),
        ({"reranker.use": "http"}, r"reranker\.base_url: Field required"),
        ({"reranker.use": "terms", "reranker.k": 1}, r"Unknown setting 'reranker\.k'"),
        ({"embedder.dimensions": "many"}, r"embedder\.dimensions: .*integer"),
        ({"ask.model": "gone"}, r"ask\.model is 'gone'.*quote"),
        (
            {"assistants.a.collections": ["c"], "assistants.a.model": "gone"},
            r"assistants\.a\.model is 'gone'",
        ),
        ({"search.reader": "gone"}, r"search\.reader is 'gone'.*'rules' or a .*: there is none"),
        ({"search.reader": "off"}, r"search\.reader is 'off'"),
        ({"search.rewrite": "default"}, r"search\.rewrite is 'default'.*follows instructions"),
        (
            {"search.rewrite": "gone", "models.small": {"use": "scripted", "replies": ["x"]}},
            r"search\.rewrite is 'gone'.*: small\.",
        ),
        ({"assistants.quote.collections": ["c"]}, "'quote' is both a model and an assistant"),
    ],
)
async def test_a_wrong_slot_is_named_by_its_setting(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        await start(tmp_path, **settings)


async def test_a_secret_in_a_wrong_option_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text(
        "[embedder]\nuse = 'hashing'\n[models.x]\nuse = 'openai'\nmodel = 'm'\n"
        "apikey = { env = 'KEY' }\n"
    )
    config = load_config(
        tmp_path / "bedplate.toml",
        environment={"KEY": "very-secret"},
        arguments={"data.dir": str(tmp_path / "data")},
    ).config
    with pytest.raises(ConfigError, match=r"models\.x\.apikey") as caught:
        async with open_app(config):
            pass
    assert "very-secret" not in str(caught.value)


async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StorageError, match="data folder .*data cannot be made"):
        await start(tmp_path)


async def test_the_check_passes_and_fails_once_a_part_does_not_work(tmp_path: Path) -> None:
    arguments = {"data.dir": str(tmp_path / "data"), "embedder.use": "hashing"}
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        await app.check()
        (tmp_path / "data" / "catalog.db").unlink()
        with pytest.raises(StorageError, match=r"catalog\.db"):
            await app.check()


async def test_a_reranker_is_opened_when_there_is_a_slot_for_it(tmp_path: Path) -> None:
    given = {"data.dir": str(tmp_path / "data"), "embedder.use": "hashing"}
    async with open_app(load_config(environment={}, arguments=given).config) as app:
        assert app.reranker is None
    given["reranker.use"] = "terms"
    async with open_app(load_config(environment={}, arguments=given).config) as app:
        assert app.reranker is not None
        assert await app.reranker.score("rain", ["rain"], deadline=None) != [0.0]
