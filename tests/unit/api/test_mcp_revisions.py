"""Which revision a message is of: whatever comes, it is read or refused with a reason."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.api.mcp_failures import WRONG_HEADER, Refused
from bedplate.api.mcp_revisions import (
    BY_HANDSHAKE,
    BY_REQUEST,
    CAPABILITIES,
    LEVEL,
    VERSION,
    VERSIONS,
    Envelope,
    is_alone,
    read_envelope,
)

META: dict[str, Any] = {VERSION: BY_REQUEST[0], CAPABILITIES: {}}
HEADERS = {"mcp-protocol-version": [BY_REQUEST[0]], "mcp-method": ["tools/call"]}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from([VERSION, CAPABILITIES, LEVEL, "progressToken"])
names = st.sampled_from(["mcp-protocol-version", "mcp-method", "mcp-name"])
versions = st.sampled_from([*VERSIONS, "1999-01-01"])


@given(
    method=st.sampled_from(["tools/call", "tools/list", "resources/read", "ping"]),
    meta=json_values | st.dictionaries(keys, versions | json_values, max_size=4),
    headers=st.none()
    | st.dictionaries(names, st.lists(versions | st.text(), min_size=1, max_size=2), max_size=3),
)
def test_whatever_a_request_says_of_itself_is_read_or_refused(
    method: str, meta: Any, headers: Any
) -> None:
    params = {"_meta": meta, "name": "x", "uri": "x"}
    try:
        envelope = read_envelope(method, params, headers)
    except Refused:
        return
    assert envelope.alone == is_alone(params, headers)
    if envelope.alone:
        assert meta[VERSION] in BY_REQUEST
        assert headers is None or headers["mcp-protocol-version"] == [meta[VERSION]]


@given(name=st.text())
def test_a_name_that_no_header_can_carry_comes_encoded(name: str) -> None:
    encoded = base64.b64encode(name.encode()).decode()
    headers = {**HEADERS, "mcp-name": [f"=?base64?{encoded}?="]}
    params = {"_meta": META, "name": name}
    assert read_envelope("tools/call", params, headers) == Envelope(alone=True)
    with pytest.raises(Refused) as refused:
        read_envelope("tools/call", {**params, "name": f"{name}x"}, headers)
    assert refused.value.code == WRONG_HEADER


@pytest.mark.parametrize("header", ["mcp-protocol-version", "mcp-method"])
def test_a_header_that_is_there_twice_is_refused(header: str) -> None:
    twice = {**HEADERS, header: 2 * HEADERS[header], "mcp-name": ["x"]}
    with pytest.raises(Refused, match="more than once"):
        read_envelope("tools/call", {"_meta": META, "name": "x"}, twice)


@pytest.mark.parametrize("version", BY_HANDSHAKE)
def test_after_a_greeting_only_the_token_counts(version: str) -> None:
    meta = {"progressToken": 0, LEVEL: "debug"}
    headers = {"mcp-protocol-version": [version]}
    assert read_envelope("tools/call", {"_meta": meta}, headers) == Envelope(alone=False, token=0)
