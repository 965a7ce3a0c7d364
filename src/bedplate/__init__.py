"""Bedplate: the AI backend a team bolts its models, data, agents and guardrails onto."""

import os

__version__ = "0.1.0"

# onnxruntime sends usage data unless this is set before its first import, wherever that happens:
# https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # noqa: TID251

# The arrays here are small: BLAS threads would cost more than they bring, and the server's own
# pools use the cores. Read when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251
