"""Traces that can be looked at here, and what people thought of their answers."""
