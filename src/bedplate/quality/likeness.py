"""How alike texts are, estimated from short signatures.

MinHash over sequences of five words (Broder 1997, "On the resemblance and containment of
documents"), looked up by bands (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4).
"""

import hashlib
import re
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import rensa

PERMUTATIONS = 128
SEED = 42
SHINGLE = 5
LEAST_WORDS = 20
MOST_WORDS = 200_000

BANDS, ROWS = 21, 6
"""Of 1,000 pairs of texts that are .8 alike, 998 share a band; of pairs that are .3 alike, 15."""

NEAR = 0.8

_rensa: Any = rensa
# Scripts without spaces are taken letter by letter.
_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[^\\W\u3040-\u30ff\u3400-\u9fff]+")


def text_hash(texts: Iterable[str]) -> str:
    """The same for texts that differ in white space alone."""
    digest = hashlib.sha256()
    for text in texts:
        for word in text.split():
            digest.update(word.encode() + b" ")
    return digest.hexdigest()


def signature(texts: Iterable[str]) -> bytes:
    """128 little-endian 32-bit numbers; empty for less than 20 words, which say too little."""
    words: list[str] = []
    for text in texts:
        words += _WORD.findall(text.casefold())
        if len(words) >= MOST_WORDS:
            break
    if len(words) < LEAST_WORDS:
        return b""
    minhash: Any = _rensa.RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    minhash.update({" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)})
    digest: list[int] = minhash.digest()
    return struct.pack(f"<{PERMUTATIONS}I", *digest)


def likeness(one: bytes, other: bytes) -> float:
    """The estimated Jaccard similarity, within about .09; 0 where either signature is empty."""
    if not one or len(one) != len(other):
        return 0.0
    same = np.frombuffer(one, np.uint32) == np.frombuffer(other, np.uint32)
    return int(np.count_nonzero(same)) / PERMUTATIONS


def keys(text_sha256: str, signature: bytes) -> tuple[int, ...]:
    """Signed 64-bit numbers, one of which like texts share: of the whole text, and of each band."""
    width = ROWS * 4
    count = BANDS if signature else 0
    bands = (b"%d:" % n + signature[n * width : (n + 1) * width] for n in range(count))
    parts = [b"text:" + text_sha256.encode(), *bands]
    return tuple(
        int.from_bytes(hashlib.blake2b(part, digest_size=8).digest(), "big", signed=True)
        for part in parts
    )
