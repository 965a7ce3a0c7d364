"""Which documents are copies, and which versions of one: decided when a document comes in."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from bedplate.domain.profiles import Profile
from bedplate.quality.likeness import NEAR, likeness

VERSION = 0.05
"""How alike versions are at least, in sequences of five words: a policy that was written anew
still shares some, unrelated texts of one language none (measured: at most .03, by estimate).
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A profile with the groups that its document belongs to; no series where it has no stage."""

    profile: Profile
    copies: str
    series: str


def place(profile: Profile, others: Iterable[Placed]) -> Placed:
    """The profile in the groups of those that it is most like, or in new ones."""
    twin, nearest = None, 0.0
    kin, closest = None, 0.0
    for other in others:
        alike = likeness(profile.signature, other.profile.signature)
        same = profile.text_sha256 == other.profile.text_sha256
        if same:
            alike = 1.0
        if alike > nearest and (same or (alike >= NEAR and not _apart(profile, other.profile))):
            twin, nearest = other, alike
        if other.series and _of_one_family(profile, other.profile):
            bond = 1.0 + alike if profile.declared else alike
            if bond > closest and bond >= VERSION:
                kin, closest = other, bond
    copies = twin.copies if twin else profile.text_sha256[:32]
    if not profile.family:
        return Placed(profile, copies, "")
    own = hashlib.sha256(f"{profile.family} {profile.text_sha256}".encode()).hexdigest()[:32]
    return Placed(profile, copies, kin.series if kin else own)


def _of_one_family(one: Profile, other: Profile) -> bool:
    """Stages compare only where both are days, or both numbers of versions."""
    return one.family == other.family and ("-" in one.stage) == ("-" in other.stage)


def _apart(one: Profile, other: Profile) -> bool:
    """Two versions of a document are no copies, however alike."""
    return bool(one.family) and _of_one_family(one, other) and one.stage != other.stage
