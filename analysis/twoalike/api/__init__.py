"""The front door in Python: ``import twoalike.api as ta``, ``ta.fit(...)``, ``ta.plot.map(...)``.

These are the public functions of the packages under short names, and nothing else; the stub
``__init__.pyi`` lists them. Each package is imported when one of its names is first used, so that
this import is instant, and a computer that has one part of twoalike installed can use that part.

Paths are ``str`` or ``Path``. Tables are paths, or pandas or polars frames.
"""

import ast
import os
from importlib import import_module
from pathlib import Path
from typing import Any

# Idle threads of torch's OpenMP would keep the cores from other work; read when torch starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _listed() -> dict[str, tuple[str, str]]:
    """Name -> module, and name there, of what the stub imports ``as`` itself or gives a name."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imported: dict[str, tuple[str, str]] = {}
    names: dict[str, tuple[str, str]] = {}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            imported |= {alias.name: (node.module or "", alias.name) for alias in node.names}
            names |= {alias.name: imported[alias.name] for alias in node.names if alias.asname}
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            path = ast.unparse(node.value)  # such as Posterior.load
            names[node.targets[0].id] = (imported[path.partition(".")[0]][0], path)
    return names


_NAMES = _listed()
__all__ = [*_NAMES, "__version__"]  # noqa: PLE0604 - the stub has them


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("twoalike")
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, path = _NAMES[name]
    if home in ("twoalike", __name__):  # a module
        value: Any = import_module(f"{home}.{path}")
    else:
        value = import_module(home)
        for part in path.split("."):
            value = getattr(value, part)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
