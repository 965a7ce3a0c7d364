from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from bedplate.models.openai_options import OpenAIOptions

KEY = "sk-very-secret-key"


def test_openai_itself_is_the_default_and_gets_its_newer_limit_field():
    options = OpenAIOptions(model="gpt", api_key=SecretStr(KEY))

    assert options.endpoint == "https://api.openai.com/v1/chat/completions"
    assert options.limit_field == "max_completion_tokens"


@pytest.mark.parametrize(
    ("base_url", "endpoint"),
    [
        ("http://h:1/v1/", "http://h:1/v1/chat/completions"),
        ("http://h:1", "http://h:1/chat/completions"),
        ("https://h/a/b?v=1", "https://h/a/b/chat/completions?v=1"),
    ],
)
def test_the_endpoint_stands_below_the_base_url(base_url: str, endpoint: str):
    options = OpenAIOptions(model="m", base_url=base_url)

    assert options.endpoint == endpoint
    assert options.limit_field == "max_tokens"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"base_url": "127.0.0.1:11434"}, "http or https URL"),
        ({"base_url": "ftp://h/v1"}, "http or https URL"),
        ({"base_url": "http://my host/v1"}, "http or https URL"),
        ({"base_url": "http://h:99999/v1"}, "base_url"),
        ({"base_url": "http://a..b/v1"}, "base_url"),
        ({"base_url": f"http://user:{KEY}@h/v1"}, "must not hold credentials"),
        ({"model": ""}, "model"),
        ({"api_key": ""}, "not empty"),
        ({"api_key": f"{KEY}\n"}, "printable ASCII"),
        ({"headers": {"X-A": f"{KEY}\r\nX-B: 1"}}, "'X-A'"),
        ({"headers": {"": "x"}}, "characters that HTTP cannot send"),
        ({"extra_body": {"stream": False}}, "stream"),
        ({"extra_body": {"tools": [1]}}, "tools"),
        ({"idle_seconds": 0}, "idle_seconds"),
        ({"apikey": KEY}, "apikey"),
        ({}, 'OpenAI needs a key: set api_key = { env = "OPENAI_API_KEY" }'),
        ({"key_header": "X Key"}, "key_header"),
        ({"unsupported": ["everything"]}, "unsupported"),
    ],
)
def test_bad_options_are_refused_without_showing_secrets(wrong: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message) as caught:
        OpenAIOptions.model_validate({"model": "m", **wrong})

    assert KEY not in str(caught.value)


def test_secrets_do_not_show_in_the_options_repr():
    options = OpenAIOptions(
        model="m", api_key=SecretStr(KEY), headers={"X-Token": SecretStr("hidden-header")}
    )

    assert KEY not in repr(options)
    assert "hidden-header" not in repr(options)
    assert options.sent_headers["Authorization"] == f"Bearer {KEY}"
    assert options.sent_headers["X-Token"] == "hidden-header"


def test_a_key_in_another_header_is_sent_bare():
    options = OpenAIOptions(
        model="m", base_url="https://h/v1", api_key=SecretStr(KEY), key_header="api-key"
    )

    assert options.sent_headers["api-key"] == KEY
    assert "Authorization" not in options.sent_headers


def test_a_key_may_come_in_a_header_of_its_own():
    options = OpenAIOptions(model="m", headers={"authorization": SecretStr(f"Token {KEY}")})

    assert options.sent_headers["authorization"] == f"Token {KEY}"


def test_the_query_is_added_to_that_of_the_base_url():
    options = OpenAIOptions(
        model="m", base_url="https://h/v1?a=1&b=2", query={"b": "3", "api-version": "x y"}
    )

    assert options.endpoint == "https://h/v1/chat/completions?a=1&b=3&api-version=x+y"
