"""Embedders: texts to vectors. One file per adapter; this table is all that names them."""

from bedplate.embedders.protocol import OpenEmbedder
from bedplate.registry import Registry

EMBEDDERS = Registry[OpenEmbedder](
    "embedders",
    {
        "onnx": "bedplate.embedders.onnx:open_onnx_embedder",
        "openai": "bedplate.embedders.openai:open_openai_embedder",
        "static": "bedplate.embedders.static:open_static_embedder",
        "hashing": "bedplate.embedders.hashing:open_hashing_embedder",
    },
)
