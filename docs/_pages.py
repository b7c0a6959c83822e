"""Where the output of executed pages is kept: a folder for each state of all that they run."""

import hashlib
import shutil
from pathlib import Path


def kept_pages(docs: Path) -> Path:
    """Folder of the pages executed with this state of the package, its recipes and its versions.

    Those of other states are removed.
    """
    root, digest = docs.parent, hashlib.sha256()
    folders = ("experiments", "modeling", "analysis")
    sources = [path for name in folders for path in sorted((root / name).rglob("*"))]
    for path in (*sources, *sorted(docs.glob("*.py")), root / "constraints.txt"):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    pages = docs / "_build" / "pages"
    ours = pages / digest.hexdigest()[:16]
    for other in pages.glob("*"):
        if other != ours:
            shutil.rmtree(other)
    return ours
