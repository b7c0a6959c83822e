"""Pages of the API: one a package, with what it exports; autodoc fills them.

A package exports the names of its ``__all__`` or, without one, those that it imports ``as``
themselves.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from _reference.markdown import code, prose, table

ROOT = Path(__file__).parents[2]
STAGES: Mapping[str, str] = {
    "experiments": "Experiments: stimuli, design, tasks, raw data",
    "modeling": "Modeling: judgments, embedding, teachers, students",
    "analysis": "Analysis: ceilings, agreement, figures, report",
}
"""Source root -> the heading of its packages."""
_INHERITED = ("model_config",)
"""What every model of settings has from pydantic."""


class Package(NamedTuple):
    """A package that says what is public, read without importing it: some imports are slow.

    Attributes
    ----------
    name
        Such as ``twoalike.study``.
    what
        First line of its docstring.
    lent
        Names that it imports from another package, and which.
    own
        Names that it exports without an ``__all__``; empty with one.
    """

    name: str
    what: str
    lent: Mapping[str, str]
    own: tuple[str, ...]


def public_packages(stage: str) -> Iterator[Package]:
    """Give the packages of a source root that export names.

    Parameters
    ----------
    stage
        A source root: ``experiments``, ``modeling`` or ``analysis``.
    """
    for init in sorted((ROOT / stage / "twoalike").glob("*/__init__.py")):
        text, name = init.read_text(encoding="utf-8"), f"twoalike.{init.parent.name}"
        tree, stub = ast.parse(text), init.with_suffix(".pyi")
        imports = ast.parse(stub.read_text(encoding="utf-8")) if stub.is_file() else tree
        lent = {
            alias.asname or alias.name: ".".join(node.module.split(".")[:2])
            for node in ast.walk(imports)
            if isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("twoalike.")
            and not f"{node.module}.".startswith(f"{name}.")
            for alias in node.names
        }
        listed = re.search(r"^[\w, ]*__all__ = ", text, re.MULTILINE) is not None
        own = [] if listed else re.findall(r" import (\w+) as \1$", text, re.MULTILINE)
        if listed or own:
            what = (ast.get_docstring(tree) or "").split("\n")[0]
            yield Package(name, what, lent, tuple(sorted(own)))


def api_pages() -> dict[str, str]:
    """Markdown of the index and of each package, by path."""
    index, found = ["# Python\n\nWhat a package exports is public, and all of it is here.\n"], {}
    for stage, heading in STAGES.items():
        packages = list(public_packages(stage))
        rows = ([f"[`{name}`]({name}.md)", prose(what)] for name, what, *_ in packages)
        toctree = "\n".join(["```{toctree}", ":hidden:", "", *(p.name for p in packages), "```"])
        index.append(f"## {heading}\n\n{table(['package', 'what it holds'], rows)}\n{toctree}\n")
        found |= {f"api/{package.name}.md": _page(package) for package in packages}
    return {"api/index.md": "\n".join(index), **found}


def _page(package: Package) -> str:
    """Page of a package; what it has from another one is described there."""
    name, _, lent, own = package
    members = ", ".join(each for each in own if each not in lent)
    directive = f".. automodule:: {name}\n   :members: {members}".rstrip() + "\n"
    directive += f"   :exclude-members: {', '.join((*_INHERITED, *lent))}\n"
    plot = ROOT / "analysis" / name.replace(".", "/") / "plot.py"
    if plot.is_file():
        directive += f"\n.. automodule:: {name}.plot\n   :members:\n"
    also = [f"{code(each)} (see [`{home}`]({home}.md))" for each, home in lent.items()]
    note = f"\nAlso exported here: {', '.join(also)}.\n" if also else ""
    return f"# {code(name)}\n\n```{{eval-rst}}\n{directive}```\n{note}"
