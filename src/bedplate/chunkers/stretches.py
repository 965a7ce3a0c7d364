"""Parts of a document as documents, so that what cuts a document can cut a part of it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from bedplate.domain.documents import BLOCK_SEPARATOR, Chunk, Document


def stretches(document: Document, chunks: Iterable[Chunk]) -> Iterator[Document]:
    """For each chunk, in order and without overlap, the document that holds its text alone.

    Blocks keep their kind, page and heading, so that `text` of the result is that of the chunk.
    """
    blocks = document.blocks
    number, offset = 0, 0
    for chunk in chunks:
        while number < len(blocks) and offset + len(blocks[number].text) <= chunk.start:
            offset += len(blocks[number].text) + len(BLOCK_SEPARATOR)
            number += 1
        inside = list(blocks[number:number])
        at, begins = number, offset
        while at < len(blocks) and begins < chunk.end:
            text = blocks[at].text
            cut = text[max(0, chunk.start - begins) : max(0, chunk.end - begins)]
            inside.append(replace(blocks[at], text=cut))
            begins += len(text) + len(BLOCK_SEPARATOR)
            at += 1
        yield replace(document, blocks=tuple(inside))
