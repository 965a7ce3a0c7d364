"""How the spans of a trace are packed."""

import zlib

from hypothesis import example, given
from hypothesis import strategies as st

from bedplate.traces.store import SMALL_BITS, compressed

SMALL = 1 << SMALL_BITS


@given(st.binary(max_size=200).flatmap(lambda part: st.integers(0, 60).map(lambda n: part * n)))
@example(b"")
@example(b"x" * SMALL)
@example(b"x" * (SMALL + 1))
def test_what_is_packed_is_read_again(body: bytes) -> None:
    assert zlib.decompress(compressed(body)) == body


def test_a_small_trace_is_packed_as_small_as_by_default() -> None:
    span = b'{"name":"turn","attributes":{"gen_ai.request.model":"fast","number":%d}}'
    body = b",".join(span % number for number in range(40))
    assert len(body) < SMALL
    assert len(compressed(body)) <= len(zlib.compress(body, 1))
