"""What a document was found in: a file, or an upload."""

from pathlib import PurePath

UPLOADED = "upload:"


def is_below(origin: str, root: str) -> bool:
    """Whether a document from `origin` came from the file `root`, or the folder.

    "." is the working folder, whose files alone have relative names; an upload is below nothing.
    """
    if origin.startswith(UPLOADED):
        return False
    if root == ".":
        return not PurePath(origin).is_absolute()
    return origin == root or origin.startswith(root.rstrip("/") + "/")
