"""Bedplate: the AI backend a team bolts its models, data, agents and guardrails onto."""

__version__ = "0.1.0"
