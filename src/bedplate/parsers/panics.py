"""Panics of libraries that are written in Rust."""


def is_panic(error: BaseException) -> bool:
    """Whether it is one: it comes as a BaseException whose class cannot be imported."""
    return type(error).__module__ == "pyo3_runtime"
