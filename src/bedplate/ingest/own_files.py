"""Folders as sources are set up with them, without what is our own in them."""

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from bedplate.errors import InvalidInput


def without_own(options: Mapping[str, Any], own: Sequence[Path]) -> dict[str, Any]:
    """The options of a folder, found from any working folder, with our files below it excluded.

    Options that cannot be are left for whoever opens the source to refuse.

    Raises:
        InvalidInput: the folder is one of our own, or lies in one.
    """
    path, given = options.get("path"), options.get("exclude", [])
    if not isinstance(path, str) or not isinstance(given, list | tuple) or "\0" in path:
        return dict(options)
    whole = Path(path).absolute()
    # A source goes by where its folder really is.
    top = whole.resolve()
    exclude = list(cast(Sequence[object], given))
    for each in own:
        there = each.resolve()
        if top.is_relative_to(there):
            raise InvalidInput(
                f"The folder {path[:200]!r} holds Bedplate's own data: name another one.",
                param="options",
            )
        if there.is_relative_to(top):
            exclude.append(glob.escape(there.relative_to(top).as_posix()))
    return {**options, "path": str(whole), **({"exclude": exclude} if exclude else {})}
