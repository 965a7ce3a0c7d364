"""From which score on a text is an injection, and what that gives by source."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from training.injection.scoring import Scorer, auroc
from training.injection.sources import Part, Text, by_source

WANTED = {"prompt": 0.02, "document": 0.05}
"""The share of benign texts of the sources, each counting the same, that may be flagged."""

MOST, TOLD = 0.10, 20
"""The share of any one source that may be, or one text of it; of a source with fewer texts than the
second it is not asked, as a single text of ten would set the threshold.
"""

UNCOUNTED = frozenset({"system_prompts"})
"""Benign, but few users send some; thresholds do not make room for them."""


def some(texts: Sequence[Text], part: Part, most: int) -> list[Text]:
    """Those of a part, at most so many of a source and label."""
    counts, kept = Counter[tuple[str, int]](), list[Text]()
    for text in texts:
        counts[text.source, text.label] += text.part == part
        if text.part == part and counts[text.source, text.label] <= most:
            kept.append(text)
    return kept


def levels(scorer: Scorer, texts: Sequence[Text]) -> dict[str, float]:
    """The scores that the wanted share of benign texts exceeds, sources counting alike."""
    found: dict[str, float] = {}
    for kind in ("prompt", "document"):
        benign = by_source(
            [t for t in texts if t.kind == kind and not t.label and t.source not in UNCOUNTED]
        )
        scored = {name: scorer.scores(group) for name, group in benign.items()}
        steps = np.unique(np.concatenate([*scored.values(), [0.5, 1.0]]))
        rates = np.array([[(s > level).mean() for s in scored.values()] for level in steps])
        most = np.array([max(MOST, 1 / len(s)) if len(s) >= TOLD else 1 for s in scored.values()])
        few = (rates.mean(axis=1) <= WANTED[kind]) & (rates <= most).all(axis=1)
        found[kind] = round(float(max(0.05, steps[np.argmax(few)])), 4)
    return found


def table(scorer: Scorer, texts: Sequence[Text], thresholds: dict[str, float]) -> None:
    scored = {name: (group, scorer.scores(group)) for name, group in by_source(texts).items()}
    for kind in ("prompt", "document"):
        rows = [
            (t, s)
            for group, scores in scored.values()
            for t, s in zip(group, scores, strict=True)
            if t.kind == kind
        ]
        benign = np.array([s for t, s in rows if not t.label])
        for name, (group, scores) in scored.items():
            if group[0].kind != kind:
                continue
            labels = np.array([t.label for t in group])
            flagged = scores > thresholds[kind]
            own = scores[labels == 0]
            told = [f"{name:18} n={len(group):4}"]
            if labels.any():
                told.append(f"recall {flagged[labels == 1].mean():.3f} (n={labels.sum()})")
                told.append(f"AUROC {auroc(scores[labels == 1], own if len(own) else benign):.3f}")
            if len(own):
                told.append(f"flagged {flagged[labels == 0].mean():.3f}")
            print("  ".join(told), flush=True)
