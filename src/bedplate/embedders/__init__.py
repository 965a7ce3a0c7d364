"""Embedders: texts, or texts and images, to vectors. One file per adapter, named by these tables."""

from bedplate.embedders.protocol import OpenEmbedder, OpenImageEmbedder
from bedplate.registry import Registry

EMBEDDERS = Registry[OpenEmbedder](
    "embedders",
    {
        "onnx": "bedplate.embedders.onnx:open_onnx_embedder",
        "openai": "bedplate.embedders.openai:open_openai_embedder",
        "static": "bedplate.embedders.static:open_static_embedder",
        "fastembed": "bedplate.embedders.fastembed:open_fastembed_embedder",
        "sentence_transformers": (
            "bedplate.embedders.sentence_transformers:open_sentence_transformers_embedder"
        ),
        "hashing": "bedplate.embedders.hashing:open_hashing_embedder",
    },
    extras={"fastembed": "fastembed", "sentence_transformers": "sentence-transformers"},
)

IMAGE_EMBEDDERS = Registry[OpenImageEmbedder](
    "image_embedders",
    {"fastembed": "bedplate.embedders.fastembed_images:open_fastembed_images"},
    extras={"fastembed": "fastembed"},
)
