"""Pages of a PDF that are pictures of text: rendered one by one and read by OCR."""

# pypdfium2 carries no type information; every value taken from it is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import cast

import numpy as np
import pypdfium2
from pypdfium2 import raw

from bedplate.domain.documents import Blob, Failure
from bedplate.errors import Unreadable
from bedplate.parsers.ocr import LONGEST_SIDE, Picture, Pictures
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import ParseLimits

_SCALE = 200 / 72
"""Points to pixels at 200 dots an inch, which small print needs."""


class Scans:
    """The bare pages of one PDF; they stay unread where OCR cannot be had, and `remedy` says why."""

    def __init__(
        self,
        pdf: pypdfium2.PdfDocument,
        outline: Outline,
        blob: Blob,
        limits: ParseLimits,
        bare: Sequence[int],
    ) -> None:
        self._pdf = pdf
        self._outline = outline
        self._pictures: Pictures | None = None
        self._drawn = {number for number in bare if _is_drawn(pdf, number)}
        self.unread = list(bare)
        self.remedy = "Nothing can be read in pictures there either."
        if self._drawn:
            try:
                self._pictures = Pictures(outline, blob, limits)
            except Unreadable as error:
                self.remedy = str(error)

    def add(self, number: int) -> None:
        """Add a page's text, counted from 1, when it is one of the bare ones."""
        if self._pictures is None or number not in self._drawn:
            return
        before = len(self._outline.blocks)
        self._pictures.add(number, partial(_rendered, self._pdf, number))
        if len(self._outline.blocks) > before:
            self.unread.remove(number)

    @property
    def failures(self) -> tuple[Failure, ...]:
        return self._pictures.failures if self._pictures is not None else ()


def _is_drawn(pdf: pypdfium2.PdfDocument, number: int) -> bool:
    """Whether anything at all is on the page: blank pages are not worth a look."""
    with closing(pdf[number - 1]) as page:
        return int(raw.FPDFPage_CountObjects(page)) > 0


def _rendered(pdf: pypdfium2.PdfDocument, number: int) -> Picture:
    with closing(pdf[number - 1]) as page:
        scale = min(_SCALE, LONGEST_SIDE / max(1.0, *page.get_size()))
        # Its stub takes whole scales only; the library takes any.
        with closing(page.render(scale=cast(int, scale))) as bitmap:
            pixels = np.asarray(bitmap.to_numpy(), dtype=np.uint8)
            if pixels.ndim == 2 or pixels.shape[2] == 1:
                return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
            return np.ascontiguousarray(pixels[:, :, :3])
