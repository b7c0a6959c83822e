"""Pages of the reference that are written from the code at every build.

What the code says of itself (help of commands, descriptions of settings and columns) is written
down once, there; a page here puts it in order. The pages are not kept in the repository, so
that none can be older than the code it is about.
"""

from pathlib import Path

from _reference.api import api_pages
from _reference.commands import commands_page
from _reference.configuration import configuration_page
from _reference.files import files_page
from _reference.online import online_page
from _reference.results import results_page

__all__ = ["pages", "write"]


def pages() -> dict[str, str]:
    """Content of every page, by its path below ``docs/reference``.

    Returns
    -------
    Markdown by path.
    """
    return {
        "commands.md": commands_page(),
        "configuration.md": configuration_page(),
        "files.md": files_page(),
        "online.md": online_page(),
        "results.md": results_page(),
        **api_pages(),
    }


def write(folder: Path) -> None:
    """Write the pages, but those that are as they were: Sphinx reads anew what has changed.

    Parameters
    ----------
    folder
        ``docs/reference``.
    """
    made = pages()
    for path in (folder / "api").glob("*.md"):
        if path.relative_to(folder).as_posix() not in made:  # of a package that is gone
            path.unlink()
    for name, content in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
