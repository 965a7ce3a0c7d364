"""`bedplate models`: what is configured, and what was found out about it."""

from datetime import UTC, datetime
from pathlib import Path

from tests.fixtures.command_line import Call

from bedplate.models.managed_finding import Finding, Findings, Tried
from bedplate.models.managed_options import ManagedOptions
from bedplate.models.managed_speculation import fingerprint

TOML = """
[models.default]
use = "quote"
[models.local]
use = "managed"
model = "some.gguf"
speculation = "auto"
[models.both]
use = "router"
small = "local"
large = "default"
"""


def test_models_are_listed_with_what_a_trial_of_speculation_found(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "bedplate.toml").write_text(TOML)
    ran = call("models", "--json")
    assert ran.code == 2
    [missing] = ran.json["problems"]
    assert missing.startswith("models.local")
    quote, *others = ran.json["models"]
    assert quote == {"name": "quote", "use": "quote", "is": {}}
    assert others == [
        {"name": "default", "use": "quote", "is": {}},
        {
            "name": "local",
            "use": "managed",
            "is": {"model": "some.gguf"},
            "speculation": {"setting": "auto", "mode": "off", "finding": None},
        },
        {"name": "both", "use": "router", "is": {"small": "local", "large": "default"}},
    ]

    data = tmp_path / "data"
    data.mkdir()
    of = fingerprint(ManagedOptions(model="some.gguf", speculation="auto"))
    at = datetime(2026, 1, 2, tzinfo=UTC)
    tried = (Tried("ngram", 6.0, 0.25, 8),)
    Findings(data).write("local", Finding(of, at, 8, 8.0, 0.02, tried, "ngram"))

    found = call("--data", "data", "models", "--json").json["models"][2]["speculation"]
    assert (found["mode"], found["finding"]["tried"][0]["gain"]) == ("ngram", 0.25)
    shown = call("--data", "data", "models").out
    assert "ngram saves 25%" in " ".join(shown.split())


def test_options_that_cannot_be_are_named(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text(
        TOML.replace('speculation = "auto"', "speculation_prompts = 1")
    )
    ran = call("models")
    assert ran.code == 2
    assert "models.local.speculation_prompts: " in ran.err


def test_all_that_is_wrong_is_named_with_the_nearest_name(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text("""
[models.first]
use = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "m"
fallback = ["secnd"]
[models.second]
use = "openai"
base_ulr = "http://127.0.0.1:9/v1"
model = "m"
[models.both]
use = "router"
small = "second"
large = "first"
[models.sound]
use = "quote"
fallback = ["quote"]
""")
    ran = call("models")

    assert ran.code == 2
    assert "fallback quote" in " ".join(ran.out.split())
    first, option = ran.err.splitlines()
    assert "models.first refers to the model 'secnd'" in first
    assert "Did you mean 'second'?" in first
    assert "'models.second.base_ulr'" in option
    assert option.endswith("Did you mean 'base_url'?")
