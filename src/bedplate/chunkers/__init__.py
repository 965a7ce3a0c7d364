"""Chunkers: documents to passages. One file per adapter; this table is all that names them."""

from bedplate.chunkers.protocol import OpenChunker
from bedplate.registry import Registry

CHUNKERS = Registry[OpenChunker](
    "chunkers", {"structure": "bedplate.chunkers.structure:open_structure_chunker"}
)
