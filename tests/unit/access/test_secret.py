from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.access.issue import new_key
from bedplate.access.secret import digest_of, new_secret, read_secret
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.errors import InvalidInput

SECRET = "bp_" + "k" * 43


def test_a_new_secret_is_read_back_from_either_header() -> None:
    secret = new_secret()
    assert read_secret(f"Bearer {secret}") == secret
    assert read_secret(f"bearer  {secret} ") == secret
    assert read_secret(None, secret) == secret
    assert read_secret(f"Bearer {secret}", secret) == secret
    assert len(digest_of(secret)) == 32


def test_headers_that_disagree_carry_no_key() -> None:
    assert read_secret(f"Bearer {SECRET}", "bp_" + "j" * 43) is None
    assert read_secret("Basic abc", SECRET) is None


@given(st.text(max_size=700))
def test_whatever_a_header_holds_only_a_whole_key_is_read(text: str) -> None:
    found = read_secret(text)
    assert found is None or (text.lower().startswith("bearer ") and text.strip().endswith(found))
    assert read_secret(f"Bearer {SECRET}{text}") in {None, SECRET + text, SECRET}
    if text.strip(" "):
        assert read_secret(f"Bearer {SECRET}{text}") is None


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scopes": ["reed"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"tenant": ""}, "tenant"),
        ({"tenant": "../other"}, "tenant"),
        ({"tenant": "a" * 65}, "tenant"),
        ({"lifetime": timedelta(0)}, "expires"),
        ({"lifetime": timedelta(days=40_000)}, "expires"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(change: dict[str, object], param: str) -> None:
    wanted = {"name": "app", "tenant": DEFAULT_TENANT, "scopes": ["read"], **change}
    with pytest.raises(InvalidInput) as refused:
        new_key(**wanted)  # type: ignore[arg-type]
    assert refused.value.param == param
