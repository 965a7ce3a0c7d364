"""File names as keys: any bytes in, printable text out, and back."""

import os
import re

_ESCAPED = re.compile(r"%([0-9A-F]{2})")


def key_of(path: str) -> str:
    """A path as a printable key. No two paths have the same one.

    Bytes that are no text, and characters that cannot be printed, are written as "%0A"; so is a
    "%" that would read as such.
    """
    if path.isprintable() and "%" not in path:
        return path
    marked = _ESCAPED.sub(lambda found: f"%25{found[1]}", path)
    return "".join(
        letter if letter.isprintable() else "".join(f"%{byte:02X}" for byte in os.fsencode(letter))
        for letter in marked
    )


def path_of(key: str) -> str:
    """The path that has this key."""
    if "%" not in key:
        return key
    # In bytes: the parts of one character may stand in several escapes.
    return os.fsdecode(
        re.sub(rb"%([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), os.fsencode(key))
    )
