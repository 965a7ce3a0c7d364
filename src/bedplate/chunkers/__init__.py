"""Chunkers: documents to passages. One file per adapter; this table is all that names them."""

from bedplate.chunkers.protocol import OpenChunker
from bedplate.registry import Registry

CHUNKERS = Registry[OpenChunker](
    "chunkers",
    {
        "parent_child": "bedplate.chunkers.parent_child:open_parent_child_chunker",
        "sentence_window": "bedplate.chunkers.sentence_window:open_sentence_window_chunker",
        "structure": "bedplate.chunkers.structure:open_structure_chunker",
    },
)
