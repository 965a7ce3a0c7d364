"""ONNX Runtime: a model's file, ready to run on the CPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from bedplate.errors import ConfigError

_runtime: Any = onnxruntime
_state: Any = _runtime.capi.onnxruntime_pybind11_state
# The runtime's errors have no base of their own.
RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    _state.EPFail,
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NoSuchFile,
    _state.NotImplemented,
    _state.RuntimeException,
)


def open_session(model: Path, threads: int, without: Sequence[str] = ()) -> Any:
    """One batch uses `threads` cores; `without` names rewritings of the graph that are left out.
    ConfigError where the file is no model.
    """
    settings = _runtime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    # What fails is raised, in words of our own.
    settings.log_severity_level = 4
    try:
        # By path: bytes would be held twice, and weights beyond 2 GB lie in a second file.
        return _runtime.InferenceSession(
            str(model), settings, providers=["CPUExecutionProvider"], disabled_optimizers=[*without]
        )
    except RUNTIME_ERRORS as error:
        raise ConfigError(f"The model {str(model)!r} cannot be loaded: {said(error)}.") from error


def said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
