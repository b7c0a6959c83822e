"""Labels of images by the folders they lie in, and what tables say where there is none."""

from collections.abc import Sequence

MISSING = "n/a"
"""What tables say where nothing is known, as in BIDS."""


def folder_labels(folders: Sequence[tuple[str, ...]]) -> dict[str, list[str]]:
    """Labels at each level of folders, from coarse to fine.

    A class is named by its whole path, since two folders may hold one of the same name; images
    that lie less deep have ``n/a`` at the levels below them.

    Parameters
    ----------
    folders
        Names of the folders that each image lies in, from the outermost.

    Returns
    -------
    Labels of each image at ``level_1`` (coarse), ``level_2``, ...; none without folders.

    Examples
    --------
    >>> folder_labels([("animal", "cat"), ("animal", "dog"), ("tool",)])["level_2"]
    ['animal/cat', 'animal/dog', 'n/a']
    """
    depth = max(map(len, folders), default=0)
    return {
        f"level_{level}": [
            "/".join(parts[:level]) if len(parts) >= level else MISSING for parts in folders
        ]
        for level in range(1, depth + 1)
    }
