"""What a document was found in: a file, an upload, or an item of a source."""

from pathlib import PurePath

UPLOADED = "upload:"
SYNCED = "source:"


def is_below(origin: str, root: str) -> bool:
    """Whether a document from `origin` came from the file `root`, or the folder.

    "." is the working folder, whose files alone have relative names; an upload is below nothing,
    and a source deletes its documents itself.
    """
    if origin.startswith((UPLOADED, SYNCED)):
        return False
    if root == ".":
        return not PurePath(origin).is_absolute()
    return origin == root or origin.startswith(root.rstrip("/") + "/")
