"""Lam and alef, which Arabic script writes as one glyph, in the order in which they are read.

PDFium turns text that runs from the right around letter by letter, the letters of one glyph too.
"""

import ctypes
import re

import pypdfium2
from pypdfium2 import raw

_TURNED = re.compile("[\u0622\u0623\u0625\u0627]\u0644")  # an alef, with or without a sign, and lam


def in_order(page: pypdfium2.PdfTextPage, text: str) -> str:
    """`text`, whose places are PDFium's character numbers, with such pairs turned back.

    The two letters of one glyph have the same origin; those of the article "al" do not.
    """
    if not (pairs := [match.start() for match in _TURNED.finditer(text)]):
        return text
    letters = list(text)
    for place in pairs:
        if _origin(page, place) == _origin(page, place + 1):
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def _origin(page: pypdfium2.PdfTextPage, place: int) -> tuple[float, float] | None:
    across, up = ctypes.c_double(), ctypes.c_double()
    if not raw.FPDFText_GetCharOrigin(page, place, across, up):
        return None
    return across.value, up.value
