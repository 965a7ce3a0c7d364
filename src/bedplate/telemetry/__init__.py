"""Logs, and the trace id that ties a request's lines together."""
