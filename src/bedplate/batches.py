"""Texts of about equal length put together, so that little padding is computed."""

from collections.abc import Sequence


def by_length(lengths: Sequence[int], *, tokens: int, most: int) -> list[list[int]]:
    """Numbers of the texts in batches, short ones first. Padded to its longest, a batch has at most
    `tokens`, unless it is one text, and `most` texts.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        batch = batches[-1] if batches else []
        full = len(batch) == most or (len(batch) + 1) * lengths[index] > tokens
        if not batch or full:
            batches.append([index])
        else:
            batch.append(index)
    return batches
