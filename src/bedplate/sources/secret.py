"""Secrets among a source's options: what is kept of a source holds none, only references to them."""

from typing import Annotated

from pydantic import BeforeValidator, SecretStr


def _check(value: object) -> object:
    if not isinstance(value, SecretStr):
        raise ValueError('this is a secret: write { env = "NAME" } or { file = "PATH" }')  # noqa: TRY004 - pydantic's
    return value


Secret = Annotated[SecretStr, BeforeValidator(_check)]
"""An option that is taken by reference alone."""
