"""What the doctor finds, and what it must not show."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from bedplate.config import Setting

Status = Literal["ok", "warn", "fail"]

MASK = "**********"
_SECRET = re.compile(r"(?:^|[_-])(?:key|token|secret|password|passwd|credentials?|authorization)$")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_URL_QUERY = re.compile(r"(?<=[?&])([^=&\s]+)=[^&\s]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """`remedy` says what to do, where there is something to do."""

    check: str
    status: Status
    detail: str
    remedy: str = ""


def is_secret(key: str) -> bool:
    """Whether a setting's name says that its value must not be shown."""
    parts = key.casefold().split(".")
    return bool({"auth", "env", "headers"} & set(parts)) or bool(_SECRET.search(parts[-1]))


def redact(setting: Setting) -> Setting:
    """The setting as it may be shown: a secret written in plain is masked too."""
    if is_secret(setting.key) and setting.value not in ("", "[]"):
        return replace(setting, value=MASK)
    if "://" in setting.value:
        hidden = _USER_INFO.sub(MASK, setting.value)
        return replace(setting, value=_URL_QUERY.sub(rf"\1={MASK}", hidden))
    return setting
