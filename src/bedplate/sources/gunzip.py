"""Gzip that expands no further than allowed."""

import zlib

_WINDOW = 16 + zlib.MAX_WBITS
_STEP = 64 * 1024
MAGIC = b"\x1f\x8b"


class Gunzip:
    """Expands a stream of gzip members (RFC 1952) piece by piece."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_WINDOW)
        self._begun = False

    @property
    def complete(self) -> bool:
        """Whether what came so far may be all."""
        return self._stream.eof or not self._begun

    def feed(self, data: bytes, most: int) -> bytes:
        """What a piece expands to, of which no more than `most` bytes are made.

        Raises zlib.error for what is no gzip.
        """
        made = bytearray()
        whole = memoryview(data)
        # In steps: each end of a member copies what is left of the step.
        for start in range(0, len(whole), _STEP):
            rest = bytes(whole[start : start + _STEP])
            while rest and len(made) < most:
                if self._stream.eof:
                    self._stream = zlib.decompressobj(_WINDOW)
                self._begun = True
                made += self._stream.decompress(rest, most - len(made))
                rest = self._stream.unconsumed_tail or self._stream.unused_data
        return bytes(made)
