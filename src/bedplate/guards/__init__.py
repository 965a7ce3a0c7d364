"""Guards: text to findings. One file per adapter; these tables are all that names them."""

from bedplate.guards.protocol import OpenDocumentGuard, OpenGroundingGuard, OpenPiiGuard
from bedplate.registry import Registry

PII_GUARDS = Registry[OpenPiiGuard](
    "guards.pii", {"patterns": "bedplate.guards.pii:open_pattern_guard"}
)
GROUNDING_GUARDS = Registry[OpenGroundingGuard](
    "guards.groundedness", {"overlap": "bedplate.guards.overlap:open_overlap_guard"}
)
DOCUMENT_GUARDS = Registry[OpenDocumentGuard](
    "guards.documents", {"secrets": "bedplate.guards.secrets:open_secret_guard"}
)
