"""Sentences that claim nothing of the world: questions, courtesies, and that sources are silent."""

import re

_TALK = re.compile(
    r"(?:sure|certainly|of course|absolutely|great question|good question|you're welcome|thank you|thanks|"
    r"hello|hi|sorry|"
    r"i hope (?:this|that) helps|hope (?:this|that) helps|"
    r"(?:please )?let me know if you (?:have|need) (?:any )?(?:more|other|further|additional)? ?"
    r"(?:questions|help|information|details)|"
    r"(?:please )?feel free to ask(?: (?:more|further|any) questions)?|"
    r"here (?:is|are) (?:the answer|what i found|what the sources say|a summary)|"
    r"(?:see|source|sources|references))[.!:]*",
    re.IGNORECASE,
)
_SILENT = re.compile(
    r"(?:(?:unfortunately|however),? )?(?:the|these|your|provided|given|available|none of the|no) "
    r"(?:\w+ ){0,2}(?:sources?|passages?|documents?|texts?|context)(?: \w+){0,2}? "
    r"(?:do(?:es)? not|don't|doesn't|did not|says?|mentions?|states?|contains?|specif(?:y|ies)|provides?)\b"
    r"(?:(?!, | but | although |; |: )[^\d]){0,200}",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"i (?:do not|don't|cannot|can't) (?:know|say|tell|answer|find)\b(?:(?!, | but |; |: )[^\d]){0,160}",
    re.IGNORECASE,
)
_TELLS = re.compile(r"(?:\w+ ){0,3}(?:did|do) you know (?!wh|how|if\b|any)", re.IGNORECASE)
"""A question that tells something: "Did you know that it is free?"."""
_DENIES = re.compile(r"\b(?:not|no|none)\b|n['\u2019]t\b", re.IGNORECASE)


def claims_nothing(text: str) -> bool:
    """`text` is one sentence without markers.

    What goes on after a comma or names a number may say something after all, and counts.
    """
    plain = text.strip().replace("\u2019", "'")
    if plain.endswith(("?", "\uff1f")):
        return not _TELLS.match(plain)
    if _TALK.fullmatch(plain) or _UNKNOWN.fullmatch(plain):
        return True
    return bool(_SILENT.fullmatch(plain) and _DENIES.search(plain))
