import re
from pathlib import Path

import pytest
from tests.fixtures.command_line import Call, Ran

from bedplate.cli.init import template
from bedplate.config import Config, load_config

HIDDEN = re.compile(r"^#(?=[\w\[])", re.MULTILINE)
KEYS = {"OPENAI_API_KEY": "k", "COHERE_API_KEY": "k", "DATABASE_URL": "postgresql://h/d"}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bedplate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_as_it_is_equals_the_defaults(tmp_path: Path) -> None:
    found = load_config(write(tmp_path, template()), environment={}).config
    empty = load_config(write(tmp_path, ""), environment={}).config
    assert found == empty


def test_every_hidden_setting_of_the_template_is_its_default(tmp_path: Path) -> None:
    shown = HIDDEN.sub("", template())
    found = load_config(write(tmp_path, shown), environment=KEYS).config
    default = load_config(write(tmp_path, ""), environment={}).config
    examples = {
        "data": found.data.model_copy(update={"database": None}),
        "models": default.models,
        "assistants": default.assistants,
        "check": default.check,
        "reranker": default.reranker,
        "image_embedder": default.image_embedder,
        "speech": default.speech,
        "tables": default.tables,
        "tools": default.tools,
        "collections": default.collections,
        "stores": default.stores,
        "former_embedder": default.former_embedder,
        "managed": default.managed,
        "evaluation": found.evaluation.model_copy(update={"judge": None}),
        "reviews": found.reviews.model_copy(update={"webhook_secret": None}),
    }
    assert found.model_copy(update=examples) == default
    hidden = {"release", "language", "most_words", "grader", "review_webhook"}
    assert found.check.model_dump(exclude=hidden) == default.check.model_dump(exclude=hidden)
    assert found.data.database is not None
    assert found.reviews.webhook_secret is not None
    assert found.evaluation.judge is not None
    assert found.models["local"].use == "openai"
    assert found.stores["other"].use == "memory"
    assert found.former_embedder is not None
    assert found.image_embedder is not None
    assert found.image_embedder.use == "fastembed"
    assert found.reranker is not None
    assert found.reranker.use == "http"
    assert found.tables["stock"].columns == ("city", "quantity", "added")
    assert found.tools["clock"].options == {"timezone": "Europe/Oslo"}
    assert found.speech.model is not None
    assert found.collections["code"].chunker.options == {"size": 1500}
    assert found.assistants["docs"].collections == ("docs",)


def test_the_template_names_every_setting() -> None:
    text = template()
    for name, section in Config.model_fields.items():
        assert f"[{name}" in text
        fields = getattr(section.default, "__class__", None)
        for key in getattr(fields, "model_fields", {}):
            assert re.search(rf"^#?{key} = ", text, re.MULTILINE), f"{name}.{key}"


def test_the_file_is_written_once_and_then_kept(call: Call, tmp_path: Path) -> None:
    first = call("init", "--json")
    path = tmp_path / "bedplate.toml"
    assert first.code == 0
    assert first.json == {"path": str(path)}
    path.write_text("# mine\n", encoding="utf-8")
    second = call("init")
    assert (second.code, second.out) == (2, "")
    assert "'bedplate.toml' is there already" in second.err
    assert path.read_text(encoding="utf-8") == "# mine\n"


def test_another_name_can_be_given(call: Call, tmp_path: Path) -> None:
    assert call("init", "--config", "other.toml").code == 0
    assert (tmp_path / "other.toml").read_text(encoding="utf-8") == template()


def test_a_folder_that_is_not_there_is_named(call: Call) -> None:
    ran: Ran = call("init", "--config", "no/such.toml", "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "storage_error"
    assert "no/such.toml" in ran.err


@pytest.mark.parametrize("order", [("--json", "init"), ("init", "--json")])
def test_shared_options_stand_before_the_command_or_after(
    call: Call, order: tuple[str, ...]
) -> None:
    assert set(call(*order).json) == {"path"}
