"""Limits of the configuration, shared out among processes."""

from pathlib import Path

import pytest

from bedplate.api.worker_shares import share_of
from bedplate.config import Config, load_config
from bedplate.errors import ConfigError
from bedplate.sections import ConcurrencyConfig

REMOTE = {"use": "openai", "model": "m", "base_url": "http://127.0.0.1:1"}


def config(**arguments: object) -> Config:
    given = {key.replace("__", "."): value for key, value in arguments.items()}
    return load_config(arguments=given, environment={}).config


def test_all_workers_together_take_no_more_than_one_would():
    share = share_of(
        config(
            server__max_connections=9,
            server__max_requests=10,
            server__max_waiting=7,
            models__far={**REMOTE, "concurrency": {"calls": 5, "waiting": 9, "wait_seconds": 3}},
        ),
        4,
    )

    assert share.server.max_connections == 2
    assert (share.server.max_requests, share.server.max_waiting) == (2, 1)
    assert share.models["far"].concurrency == ConcurrencyConfig(calls=1, waiting=2, wait_seconds=3)


def test_a_model_that_calls_nobody_is_not_queued_for_being_shared():
    assert "concurrency" not in share_of(config(), 2).models["quote"].model_fields_set


def test_one_worker_has_it_all():
    whole = config(store__use="memory", server__max_requests=1)
    assert share_of(whole, 1) is whole


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"store__use": "memory"}, r"store\.use is 'memory'.*server\.workers = 1"),
        ({"server__max_requests": 1}, r"server\.max_requests is 1, less than one for each of 2"),
        (
            {"models__far": {**REMOTE, "concurrency": {"calls": 1}}},
            r"models\.far\.concurrency\.calls is 1.*lower server\.workers",
        ),
        (
            {"models__own": {"use": "managed", "path": str(Path("x.gguf"))}},
            r"models\.own\.use is 'managed'.*server\.workers = 1",
        ),
    ],
)
def test_what_only_one_process_can_have_is_refused(settings: dict[str, object], told: str):
    with pytest.raises(ConfigError, match=told):
        share_of(config(**settings), 2)
