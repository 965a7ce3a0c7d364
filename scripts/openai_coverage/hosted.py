"""What of OpenAI's API belongs to tools and services that run on its own machines.

A request that names one is refused, so that its fields cannot be taken, nor its items sent.
"""

import re
from collections.abc import Mapping

TOOLS: Mapping[str, tuple[str, ...]] = {
    "computer use": (
        "computer", "computer_use_preview", "computer_call", "computer_call_output",
        "computer_screenshot",
    ),
    "code interpreter and containers": (
        "code_interpreter", "code_interpreter_call", "container_file_citation", "file_path",
    ),
    "image generation": ("image_generation", "image_generation_call"),
    "shells and patches": (
        "local_shell", "local_shell_call", "local_shell_call_output", "shell", "shell_call",
        "shell_call_output", "apply_patch", "apply_patch_call", "apply_patch_call_output",
    ),
    "search of the web": ("web_search_call", "url_citation"),
    "search of tools": (
        "tool_search", "tool_search_call", "tool_search_output", "additional_tools", "namespace",
    ),
    "programs that call tools": ("program", "program_output", "programmatic_tool_calling"),
    "changes of a running configuration": ("configuration_update",),
}  # fmt: skip
"""Types of tools, items and annotations, by what they are for."""

FIELDS: Mapping[str, tuple[str, ...]] = {
    "search of the web": (
        r"\[WebSearch\w*\]", r"web_search_options\b", r"response\.web_search_call",
        r"(?:message|delta|^)\.?annotations\b",
    ),
    "search of tools": (r"\.(?:namespace|defer_loading)\b",),
    "programs that call tools": (
        r"\.(?:caller|allowed_callers|output_schema)\b", r"\.async\b",
    ),
    "image generation": (r"response\.image_generation_call", r"svg_usage\b", r"^tool_usage\b"),
    "code interpreter and containers": (r"response\.code_interpreter_call",),
    "shells and patches": (r"response\.(?:shell|apply_patch)_call",),
    "stored prompts": (r"^prompt(?:\.|$)", r"^instructions\[\]"),
    "connectors": (r"\.(?:connector_id|tunnel_id)\b",),
    "speech": (
        r"(?:^|\.)audio\b", r"\[type=input_audio\]", r"response\.audio\b", r"^response\.audio",
    ),
    "moderation and access programs of its own": (
        r"^moderation\b", r"^access_programs\b", r"^input_transformations\b",
    ),
    "its machines": (
        r"^background_options\b", r"^image\.", r"^prompt_cache_diagnostics\b",
        r"^prompt_cache_options\b", r"cache_write_tokens_details",
    ),
}  # fmt: skip
"""Patterns of paths and events, by what they are for."""

_TAGGED = re.compile(r"\[type=(\w+)\]")
_KNOWN = {type: what for what, types in TOOLS.items() for type in types}
_PATTERNS = [(re.compile("|".join(patterns)), what) for what, patterns in FIELDS.items()]


def hosted(path: str) -> str | None:
    """What the field is a part of; None where it belongs to no such thing."""
    for type in _TAGGED.findall(path):
        if type in _KNOWN:
            return _KNOWN[type]
    return next((what for pattern, what in _PATTERNS if pattern.search(path)), None)


def services() -> list[str]:
    return list(dict.fromkeys((*TOOLS, *FIELDS)))
