"""Made rows of the templates that nothing is learnt from: what figures of short texts are of."""

import random
from collections.abc import Iterator
from typing import Any

from training.injection.phrases import Phrases, filled, languages
from training.injection.sources import Text

KINDS: dict[str, tuple[Any, int]] = {
    "asked": ("prompt", 0),
    "ordered": ("prompt", 1),
    "told": ("document", 0),
    "planted": ("document", 1),
}
"""Whose text a section's is, and its label."""


def held(*, fills: int = 4, seed: int = 11) -> Iterator[Text]:
    """At most so many texts a template, twice as many in English; those of documents bare and in a
    carrier. Sources are `held_prompts` and `held_documents`, and the same with `_en`. About half are of
    the part "level"; the others are for figures.
    """
    draw = random.Random(seed)
    for language, sections in languages(held=True).items():
        phrases = Phrases(language, draw)
        suffix = "_en" if language == "en" else ""
        for section, templates in sections.items():
            kind, label = KINDS[section]
            source = f"held_{kind}s{suffix}"
            for template in templates:
                times = fills * (2 if language == "en" else 1)
                for said in sorted({filled(template, draw) for _ in range(times)}):
                    yield Text(said, label, source, template, kind)
                    if kind == "document":
                        whole = phrases.carrier().replace("§", said)
                        yield Text(whole, label, source, template, kind)
