"""Whom a request is made for, as its client names them.

Source: OpenAI API reference ("safety_identifier", formerly "user") and Anthropic's
("metadata.user_id"). The key vouches for it: whoever has a key may name any of its tenant's users.
"""

from collections.abc import Mapping
from typing import Any, cast

from bedplate.errors import InvalidInput

LONGEST = 256


def end_user(fields: Mapping[str, Any]) -> str | None:
    """InvalidInput for a name that is none; None where nobody is named."""
    metadata = fields.get("metadata")
    named: dict[str, Any] = {
        "safety_identifier": fields.get("safety_identifier"),
        "user": fields.get("user"),
    }
    if isinstance(metadata, Mapping):
        named["metadata.user_id"] = cast(Mapping[str, Any], metadata).get("user_id")
    for field, value in named.items():
        if value is None or value == "":
            continue
        if not isinstance(value, str) or len(value) > LONGEST:
            raise InvalidInput(
                f"{field}: expected a text of up to {LONGEST} characters.", param=field
            )
        return value
    return None
