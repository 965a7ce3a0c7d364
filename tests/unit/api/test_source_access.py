from typing import Any

import pytest

from bedplate.api.source_access import check_access
from bedplate.config import SyncConfig, resolve_secrets
from bedplate.errors import InvalidInput
from bedplate.sources import SOURCES

CLOSED = SyncConfig()
LOCAL = SyncConfig(allow_local=True)
DECLARED = SyncConfig(allow_references=("SHOP_DB", "/run/secrets/token"))
PAGES = {"urls": ["https://example.com/"]}


@pytest.mark.parametrize(
    ("kind", "options", "word"),
    [
        ("folder", {"path": "/etc"}, "folder"),
        ("imap", {"host": "10.0.0.1"}, "imap"),
        ("of_a_package", {}, "of_a_package"),
        ("sql", {"database": "sqlite:////var/lib/other.db"}, "database"),
        ("sql", {"database": "postgresql:///postgres"}, "database"),
        ("web", {**PAGES, "allow_private": True}, "allow_private"),
        ("web", {**PAGES, "allow_hosts": ["localhost"]}, "allow_hosts"),
        ("s3", {"bucket": "b", "endpoint": "http://127.0.0.1:9000"}, "endpoint"),
    ],
)
def test_what_leads_inwards_is_refused_unless_it_is_allowed(
    kind: str, options: dict[str, Any], word: str
) -> None:
    with pytest.raises(InvalidInput, match=word):
        check_access(kind, options, CLOSED)
    check_access(kind, options, LOCAL)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X": {"env": "AWS_SECRET_ACCESS_KEY"}}},
        {"headers": {"X": {"file": "/etc/passwd"}}},
        {"headers": {"X": {"file": "../run/secrets/token"}}},
        {"urls": {"env": "HOME"}},
    ],
)
@pytest.mark.parametrize("settings", [CLOSED, LOCAL, DECLARED])
def test_only_declared_secrets_are_read(options: dict[str, Any], settings: SyncConfig) -> None:
    with pytest.raises(InvalidInput, match=r"sync\.allow_references"):
        check_access("web", {**PAGES, **options}, settings)


def test_declared_secrets_are_read_a_database_s_address_included() -> None:
    check_access("s3", {"bucket": "b", "secret_access_key": {"env": "SHOP_DB"}}, DECLARED)
    check_access("sql", {"database": {"env": "SHOP_DB"}, "table": "t"}, DECLARED)


def test_a_secret_that_would_go_to_the_callers_host_wants_local_use() -> None:
    options = {**PAGES, "headers": {"X": {"file": "/run/secrets/token"}}}
    with pytest.raises(InvalidInput, match="secret among the headers"):
        check_access("web", options, DECLARED)
    check_access("web", options, DECLARED.model_copy(update={"allow_local": True}))


def test_a_folder_set_up_over_http_is_named_by_its_whole_path() -> None:
    with pytest.raises(InvalidInput, match="is relative"):
        check_access("folder", {"path": "share"}, LOCAL)


def test_every_kind_is_refused_or_known_for_what_leads_inwards() -> None:
    for kind in SOURCES.names():
        if kind in ("folder", "imap"):
            with pytest.raises(InvalidInput, match=kind):
                check_access(kind, {}, CLOSED)
        else:
            check_access(kind, {}, CLOSED)


def test_a_reference_that_is_not_checked_is_not_read() -> None:
    """A list is looked into by neither."""
    options = {"urls": [{"env": "HOME"}], "more": {"env": "HOME", "file": "x"}}
    check_access("web", options, CLOSED)
    assert resolve_secrets(options, "source", environment={"HOME": "secret"}) == options
