"""Metadata that clients keep with what is theirs. Source: OpenAI API reference, "metadata"."""

from collections.abc import Mapping
from typing import Any, cast

from bedplate.api.reading import kind, wrong

MOST = 16
LONGEST_KEY, LONGEST_VALUE = 64, 512


def read_metadata(given: Any) -> Mapping[str, str]:
    """Up to 16 texts by name; none for null."""
    if given is not None and not isinstance(given, Mapping):
        raise wrong("metadata", f"expected object, got {kind(given)}")
    pairs = dict(cast(Mapping[str, Any], given or {}))
    if len(pairs) > MOST:
        raise wrong("metadata", f"expected at most {MOST} pairs, got {len(pairs)}")
    for key, value in pairs.items():
        if len(key) > LONGEST_KEY:
            raise wrong("metadata", f"a key has at most {LONGEST_KEY} characters, got {key!r:.100}")
        if not isinstance(value, str):
            raise wrong(f"metadata.{key}", f"expected string, got {kind(value)}")
        if len(value) > LONGEST_VALUE:
            raise wrong(
                f"metadata.{key}",
                f"expected at most {LONGEST_VALUE} characters, got {len(value)}",
            )
    return pairs
