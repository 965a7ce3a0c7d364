"""Guards: text to findings. One file per adapter; these tables are all that names them."""

from bedplate.guards.protocol import (
    OpenDocumentGuard,
    OpenInjectionGuard,
    OpenInjectionJudge,
    OpenInjectionModel,
    OpenPiiGuard,
)
from bedplate.registry import Registry

PII_GUARDS = Registry[OpenPiiGuard](
    "guards.pii",
    {
        "patterns": "bedplate.guards.pii:open_pattern_guard",
        "presidio": "bedplate.guards.presidio:open_presidio_guard",
        "tags": "bedplate.guards.tagged:open_tagged_guard",
    },
    extras={"presidio": "presidio"},
)
INJECTION_GUARDS = Registry[OpenInjectionGuard](
    "guards.injection", {"scanner": "bedplate.guards.injection:open_scanner"}
)
INJECTION_MODELS = Registry[OpenInjectionModel](
    "guards.injection.model",
    {
        "encoder": "bedplate.guards.injection_model:open_encoder",
        "classifier": "bedplate.guards.injection_classifier:open_classifier",
    },
    extras={"classifier": "sentence-transformers"},
)
INJECTION_JUDGES = Registry[OpenInjectionJudge](
    "guards.injection.judge", {"llm": "bedplate.guards.injection_judge:open_llm_judge"}
)
DOCUMENT_GUARDS = Registry[OpenDocumentGuard](
    "guards.documents",
    {
        "injection": "bedplate.guards.injection:open_injection_documents",
        "secrets": "bedplate.guards.secrets:open_secret_guard",
    },
)
