"""Pages of the API: one a package, with what its ``__all__`` names; autodoc fills them."""

import ast
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

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


def public_packages(stage: str) -> Iterator[tuple[str, str]]:
    """Name and first line of each package of a source root that says what is public.

    Parameters
    ----------
    stage
        A source root: ``experiments``, ``modeling`` or ``analysis``.
    """
    for init in sorted((ROOT / stage / "twoalike").glob("*/__init__.py")):
        tree = ast.parse(init.read_text(encoding="utf-8"))
        names = [
            target.id
            for statement in tree.body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        ]
        if "__all__" in names:
            yield f"twoalike.{init.parent.name}", (ast.get_docstring(tree) or "").split("\n")[0]


def api_pages() -> dict[str, str]:
    """Markdown of the index and of each package, by path."""
    index, found = ["# Python\n\nWhat a package exports is public, and all of it is here.\n"], {}
    for stage, heading in STAGES.items():
        packages = list(public_packages(stage))
        rows = ([f"[`{name}`]({name}.md)", prose(what)] for name, what in packages)
        toctree = "\n".join(["```{toctree}", ":hidden:", "", *(n for n, _ in packages), "```"])
        index.append(f"## {heading}\n\n{table(['package', 'what it holds'], rows)}\n{toctree}\n")
        found |= {f"api/{name}.md": _page(name) for name, _ in packages}
    return {"api/index.md": "\n".join(index), **found}


def _page(name: str) -> str:
    """Page of a package; what it has from another one is described there."""
    package = import_module(name)
    lent: dict[str, str] = {}
    for public in package.__all__:
        home = ".".join(getattr(getattr(package, public), "__module__", name).split(".")[:2])
        if home.startswith("twoalike.") and home != name:
            lent[public] = home
    directive = f".. automodule:: {name}\n   :members:\n"
    directive += f"   :exclude-members: {', '.join((*_INHERITED, *lent))}\n"
    also = [f"{code(each)} (see [`{home}`]({home}.md))" for each, home in lent.items()]
    note = f"\nAlso exported here: {', '.join(also)}.\n" if also else ""
    return f"# {code(name)}\n\n```{{eval-rst}}\n{directive}```\n{note}"
