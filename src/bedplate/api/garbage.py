"""When the garbage collector looks."""

import gc

YOUNG = 10_000
"""Objects between two collections: requests leave few cycles, and each look costs."""


def spare_collections() -> None:
    """To be called once all is open, by the process that serves."""
    # What is here now stays: walking it in every full collection would cost each request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
