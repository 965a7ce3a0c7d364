"""Assistants: one request through a named pipeline. The stages by name, but for the answer itself."""

from bedplate.assistants.protocol import OpenStage
from bedplate.registry import Registry

STAGES = Registry[OpenStage](
    "stages",
    {
        "clean": "bedplate.assistants.clean:open_clean",
        "scan": "bedplate.assistants.scan:open_scan",
        "route": "bedplate.assistants.route:open_route",
        "retrieve": "bedplate.assistants.retrieve:open_retrieve",
        "recall": "bedplate.assistants.recall:open_recall",
        "tools": "bedplate.assistants.offer:open_offer",
        "check": "bedplate.assistants.check:open_check",
        "shape": "bedplate.assistants.shape:open_shape",
    },
)
