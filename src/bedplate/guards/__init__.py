"""Guards: text to findings. One file per adapter; these tables are all that names them."""

from bedplate.guards.protocol import (
    OpenDocumentGuard,
    OpenGroundingGuard,
    OpenInjectionGuard,
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
GROUNDING_GUARDS = Registry[OpenGroundingGuard](
    "guards.groundedness", {"overlap": "bedplate.guards.overlap:open_overlap_guard"}
)
INJECTION_GUARDS = Registry[OpenInjectionGuard](
    "guards.injection", {"scanner": "bedplate.guards.injection:open_scanner"}
)
DOCUMENT_GUARDS = Registry[OpenDocumentGuard](
    "guards.documents",
    {
        "injection": "bedplate.guards.injection:open_injection_documents",
        "secrets": "bedplate.guards.secrets:open_secret_guard",
    },
)
