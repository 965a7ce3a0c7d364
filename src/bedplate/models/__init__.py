"""Chat models. One file per adapter; this table is all that names them."""

from bedplate.models.protocol import OpenModel
from bedplate.registry import Registry

MODELS = Registry[OpenModel](
    "models",
    {
        "quote": "bedplate.models.quote:open_quote_model",
        "openai": "bedplate.models.openai:open_openai_model",
        "scripted": "bedplate.models.scripted:open_scripted_model",
    },
)

EXTRACTIVE = frozenset({"quote"})
"""Those that pick from passages and follow no instructions."""
