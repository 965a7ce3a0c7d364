from pathlib import Path

import pytest
from pydantic import SecretStr

from bedplate.config import Config, load_config
from bedplate.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "bedplate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, ""), environment={}).config
    assert config.server.port == Config().server.port
    assert config.models["default"].use == "quote"


def test_arguments_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = write(tmp_path, "[server]\nport = 1\nhost = 'localhost'\n[ask]\npassages = 3\n")
    loaded = load_config(
        file,
        environment={"BEDPLATE_SERVER__PORT": "2", "BEDPLATE_ASK__PASSAGES": "4"},
        arguments={"server.port": 3, "data.dir": None},
    )
    assert loaded.config.server.port == 3
    assert loaded.config.ask.passages == 4
    assert loaded.config.server.host == "localhost"
    sources = {setting.key: setting.source for setting in loaded.settings}
    assert sources["server.port"] == "argument"
    assert sources["ask.passages"] == "$BEDPLATE_ASK__PASSAGES"
    assert sources["server.host"] == str(file)
    assert sources["search.limit"] == "default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1", "Unknown setting 'server.prot'.*Did you mean 'server.port'"),
        ("[serber]\nport = 1", "Unknown setting 'serber'.*Did you mean 'server'"),
        (
            "[assistants.a]\ncollections = ['x']\ninstruction = ''",
            "Unknown setting 'assistants.a.instruction'.*'assistants.a.instructions'",
        ),
        ("[server]\nport = 'x'", "server.port.*valid integer.*'x'"),
        ("[server]\nport = 99999", "server.port.*65535.*99999"),
        ("[server", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        load_config(write(tmp_path, text), environment={})


def test_an_unknown_environment_variable_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"server\.prot.*BEDPLATE_SERVER__PROT"):
        load_config(environment={"BEDPLATE_SERVER__PROT": "1"})


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, "[server]\nprot = 1\n[data]\ndri = ''"), environment={})
    assert "server.prot" in str(caught.value)
    assert "data.dri" in str(caught.value)


def test_secrets_are_read_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("from-file\n")
    file = write(
        tmp_path,
        "[models.a]\nuse = 'openai'\napi_key = { env = 'KEY' }\n"
        "[models.b]\nuse = 'openai'\napi_key = { file = 'key.txt' }\n",
    )
    loaded = load_config(file, environment={"KEY": "from-env"})
    key = loaded.config.models["a"].options["api_key"]
    assert isinstance(key, SecretStr)
    assert key.get_secret_value() == "from-env"
    assert loaded.config.models["b"].options["api_key"].get_secret_value() == "from-file"
    assert "from-" not in repr(loaded.settings)
    assert "from-" not in repr(loaded.config)


def test_a_secret_that_is_not_there_names_where_it_was_looked_for(tmp_path: Path) -> None:
    file = write(tmp_path, "[models.a]\nuse = 'openai'\napi_key = { env = 'KEY' }\n")
    with pytest.raises(ConfigError, match=r"models\.a\.api_key.*'KEY'.*not set"):
        load_config(file, environment={})


def test_choosing_another_adapter_drops_the_former_ones_options(tmp_path: Path) -> None:
    file = write(tmp_path, "[models.default]\nuse = 'openai'\nmodel = 'm'\n")
    environment = {"BEDPLATE_MODELS__DEFAULT__USE": "quote"}
    slot = load_config(file, environment=environment).config.models["default"]
    assert (slot.use, dict(slot.options)) == ("quote", {})


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        load_config(tmp_path / "none.toml", environment={})
    with pytest.raises(ConfigError, match="no configuration file"):
        load_config(environment={"BEDPLATE_CONFIG": str(tmp_path / "none.toml")})


def test_environment_values_are_read_as_toml_where_they_are() -> None:
    config = load_config(
        environment={
            "BEDPLATE_GUARDS__PII": "false",
            "BEDPLATE_ASSISTANTS__A__COLLECTIONS": '["x", "y"]',
            "BEDPLATE_ASSISTANTS__A__INSTRUCTIONS": "be kind, please",
        }
    ).config
    assert config.guards.pii is False
    assert config.assistants["a"].collections == ("x", "y")
    assert config.assistants["a"].instructions == "be kind, please"


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        ({"BEDPLATE_MODELS__X__MODEL": "m", "BEDPLATE_MODELS__X__USE": "openai"}, {}),
        ({}, {"models.x.model": "m", "models.x.use": "openai"}),
    ],
)
def test_options_of_a_slot_stay_whichever_comes_first(
    environment: dict[str, str], arguments: dict[str, str]
) -> None:
    slot = load_config(environment=environment, arguments=arguments).config.models["x"]
    assert (slot.use, slot.options) == ("openai", {"model": "m"})


def test_a_model_may_be_called_use(tmp_path: Path) -> None:
    file = write(tmp_path, "[models.use]\nuse = 'openai'\n")
    models = load_config(file, environment={}).config.models
    assert {name: slot.use for name, slot in models.items()} == {
        "quote": "quote",
        "default": "quote",
        "use": "openai",
    }


@pytest.mark.parametrize("value", ["true", "'patterns'"])
def test_a_wrong_form_of_a_guard_is_named_by_its_key_and_file(tmp_path: Path, value: str) -> None:
    file = write(tmp_path, f"[guards]\npii = {value}\n")
    with pytest.raises(ConfigError, match=r"guards\.pii \(from .*bedplate\.toml\).* give a table"):
        load_config(file, environment={})


def test_a_table_that_lacks_a_key_is_not_shown(tmp_path: Path) -> None:
    file = write(tmp_path, "[models.x]\napi_key = 'very-secret'\n")
    with pytest.raises(ConfigError, match=r"models\.x\.use \(from .*\) is missing") as caught:
        load_config(file, environment={})
    assert "very-secret" not in str(caught.value)


def test_a_reranker_without_its_name_is_not_shown(tmp_path: Path) -> None:
    file = write(tmp_path, "[reranker]\napi_key = 'very-secret'\n")
    with pytest.raises(ConfigError, match=r"^reranker\.use \(from .*\) is missing\.$") as caught:
        load_config(file, environment={})
    assert "very-secret" not in str(caught.value)


def test_a_secret_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    file = write(tmp_path, "[models.x]\nuse = 'openai'\napi_key = { file = 'key' }\n")
    with pytest.raises(ConfigError, match=r"models\.x\.api_key wants the file 'key'.*not UTF-8"):
        load_config(file, environment={})


def test_a_file_nested_too_deep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(write(tmp_path, "x = " + "[" * 5000), environment={})
