"""Presets are data with sources, and each makes an adapter that asks for what it lacks."""

import re
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from tests.fixtures.openai_wire import serve_openai_wire

from bedplate.config import ModelSlot
from bedplate.domain.chat import ChatRequest, Message
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import ConfigError, InvalidInput, UnknownAdapter
from bedplate.lineup import open_lineup
from bedplate.models.openai import open_openai_model
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.presets import presets

KEY = SecretStr("sk-very-secret-key")
PLACES = {"resource": "acme", "account": "a1"}


def chosen(name: str, **fields: Any) -> OpenAIOptions:
    given = {"preset": name, "model": "m", "api_key": KEY, "variables": PLACES, **fields}
    return OpenAIOptions.model_validate(given)


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_a_whole_set_of_options_with_a_source_for_each(name: str):
    preset = presets()[name]
    options = chosen(name)

    assert options.endpoint.partition("?")[0].endswith("/chat/completions")
    assert preset.title
    assert set(preset.options) | {"base_url"} <= set(preset.sources)
    for source in preset.sources.values():
        assert re.match(r"https://[\w.-]+\.[a-z]+(/|$)", source)
    for option in preset.options:
        assert option in OpenAIOptions.model_fields


@pytest.mark.parametrize("name", [n for n, p in presets().items() if p.key_env])
def test_a_server_that_needs_a_key_says_where_it_goes(name: str):
    with pytest.raises(ValidationError, match=f'api_key = {{ env = "{presets()[name].key_env}" }}'):
        chosen(name, api_key=None)


@pytest.mark.parametrize("name", ["ollama", "vllm", "llama-cpp", "sglang", "lm-studio"])
def test_a_server_of_one_s_own_needs_none(name: str):
    assert chosen(name, api_key=None).base_url.startswith("http://127.0.0.1:")


def test_azure_has_its_deployment_version_and_key_header():
    options = chosen("azure", model="gpt 4/x")

    assert options.endpoint == (
        "https://acme.openai.azure.com/openai/deployments/gpt%204%2Fx/chat/completions"
        "?api-version=2024-10-21"
    )
    assert options.sent_headers["api-key"] == KEY.get_secret_value()
    assert "Authorization" not in options.sent_headers
    assert options.limit_field == "max_completion_tokens"


def test_what_is_set_beside_a_preset_wins():
    options = chosen(
        "azure",
        query={"api-version": "2025-01-01"},
        base_url="https://gate/v1",
        output_limit_field="max_tokens",
    )

    assert options.endpoint == "https://gate/v1/chat/completions?api-version=2025-01-01"
    assert options.limit_field == "max_tokens"


def test_a_place_that_is_not_filled_is_named():
    with pytest.raises(ValidationError, match=r'needs variables = \{ resource = "\.\.\." \}'):
        chosen("azure", variables={})


def test_a_preset_that_does_not_exist_has_nearest_names():
    with pytest.raises(ValidationError, match="no preset 'grok'. Did you mean 'groq'"):
        chosen("grok")


async def test_a_preset_as_the_adapter_says_how_it_is_written():
    async with open_hashing_embedder({}) as embedder:
        with pytest.raises(UnknownAdapter, match='models.m.use: .*preset = "groq"'):
            async with open_lineup({"m": ModelSlot(use="groq")}, embedder=embedder):
                pass


async def test_a_wrong_preset_is_said_in_a_sentence_of_its_own():
    slot = ModelSlot.model_validate({"use": "openai", "preset": "grok", "model": "m"})
    async with open_hashing_embedder({}) as embedder:
        with pytest.raises(ConfigError, match=r"^models\.fast: there is no preset 'grok'\."):
            async with open_lineup({"fast": slot}, embedder=embedder):
                pass


async def test_a_missing_key_is_an_error_of_the_model_s_setting():
    slot = ModelSlot.model_validate({"use": "openai", "preset": "groq", "model": "m"})
    async with open_hashing_embedder({}) as embedder:
        with pytest.raises(ConfigError, match="models.fast: .*GROQ_API_KEY"):
            async with open_lineup({"fast": slot}, embedder=embedder):
                pass


async def test_a_preset_s_quirks_hold_on_the_wire():
    async with serve_openai_wire() as wire, open_hashing_embedder({}) as embedder:
        options = {"preset": "mistral", "base_url": wire.base_url, "model": "m", "api_key": KEY}
        async with open_openai_model(options, embedder=embedder) as model:
            request = ChatRequest((Message("user", "Hi", name="ann"),), seed=5)
            [_ async for _ in model.stream(request)]
            with pytest.raises(InvalidInput, match="logprobs"):
                await anext(model.stream(ChatRequest(request.messages, logprobs=1)))

    (seen,) = wire.seen
    assert seen.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "random_seed": 5,
    }
