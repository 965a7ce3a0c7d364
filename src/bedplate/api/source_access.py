"""What a source that is set up over HTTP may make the server open. The command line may open all.

A caller names hosts, files and secrets, and the server reaches them with its own rights. So, unless
the configuration says otherwise, it reaches only public addresses, and only secrets that it names.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, cast

from bedplate.config import SyncConfig
from bedplate.errors import InvalidInput

INWARD: Mapping[str, frozenset[str]] = {
    "push": frozenset(),
    "s3": frozenset({"endpoint"}),
    "sql": frozenset({"database"}),
    "web": frozenset({"allow_hosts", "allow_private"}),
}
"""Options that lead to this machine or its network, of kinds that do not by themselves. A kind that
is not here is one that does, or one of which we cannot know it.
"""


def check_access(kind: str, options: Mapping[str, Any], settings: SyncConfig) -> None:
    """InvalidInput for what a caller over HTTP may not set up."""
    for name in _references(options):
        if name not in settings.allow_references:
            raise InvalidInput(
                f"The secret {name[:200]!r} is not one that a source set up over HTTP may read: "
                "name it in sync.allow_references, or set the source up with `bedplate sources add`.",
                param="options",
            )
    if settings.allow_local:
        path = options.get("path")
        if kind == "folder" and isinstance(path, str) and not PurePath(path).is_absolute():
            raise InvalidInput(
                f"The path {path[:200]!r} is relative, and a server's working folder may change: "
                "give the whole path.",
                param="options",
            )
        return
    if kind == "web" and list(_references({"headers": options.get("headers")})):
        _refuse("a secret among the headers of a source")
    if kind not in INWARD:
        _refuse(f"a source of the kind {kind[:200]!r}")
    for name in sorted(INWARD[kind] & options.keys()):
        # An address that the configuration lets be read was chosen by whoever wrote that.
        if not list(_references({name: options[name]})):
            _refuse(f"the option {name!r} of a source")


def _refuse(what: str) -> None:
    raise InvalidInput(
        f"Over HTTP {what} is not taken, as it may lead to this machine's files or its network: set "
        "the source up with `bedplate sources add`, or set sync.allow_local = true.",
        param="options",
    )


def _references(options: Mapping[str, Any]) -> Iterator[str]:
    """Names of variables and files, wherever `config.resolve_secrets` would read them."""
    for value in options.values():
        if isinstance(value, dict):
            table = cast(dict[str, Any], value)
            match table:
                case {"env": str(name)} | {"file": str(name)} if len(table) == 1:
                    yield name
                case _:
                    yield from _references(table)
