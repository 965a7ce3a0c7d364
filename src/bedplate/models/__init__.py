"""Chat models. One file per adapter; these tables are all that names them."""

from collections.abc import Mapping

from bedplate.models.protocol import OpenComposite, OpenManaged, OpenModel
from bedplate.registry import Registry

MODELS = Registry[OpenModel](
    "models",
    {
        "quote": "bedplate.models.quote:open_quote_model",
        "openai": "bedplate.models.openai:open_openai_model",
        "anthropic": "bedplate.models.anthropic:open_anthropic_model",
        "anyllm": "bedplate.models.anyllm:open_anyllm_model",
        "scripted": "bedplate.models.scripted:open_scripted_model",
    },
    extras={"anyllm": "any-llm"},
)

EXTRACTIVE = frozenset({"quote"})
"""Those that pick from passages and follow no instructions."""

COMPOSITES = Registry[OpenComposite](
    "models",
    {
        "fallback": "bedplate.models.fallback:open_fallback",
        "router": "bedplate.models.router:open_router",
        "cascade": "bedplate.models.cascade:open_cascade",
    },
)
"""Models made of other configured models."""

REFERENCES: Mapping[str, tuple[str, ...]] = {
    "fallback": ("models",),
    "router": ("small", "large"),
    "cascade": ("small", "large", "judge"),
}
"""Of each of those, the options that name the others: one name, or a list of names."""

SERVED = Registry[OpenManaged](
    "served_models", {"managed": "bedplate.models.managed:open_managed_model"}
)
"""Models whose server Bedplate runs itself."""
