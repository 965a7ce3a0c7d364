"""The two halves that readers are fitted and tried on in turn."""

import zlib

FIRST = frozenset({"Warsaw", "Steam_engine", "Computational_complexity_theory", "Islamism", "Imperialism",
                   "clapnq-0"})  # fmt: skip


def fold_of(group: str) -> int:
    """0 or 1: of an article, or of a half of the part of CLAPNQ that may be fitted."""
    return 0 if group in FIRST else 1


def clapnq_group(id: str) -> str:
    """Of a question of CLAPNQ that may be fitted."""
    return f"clapnq-{zlib.crc32(id.encode()) // 2 % 2}"
