"""Functions as their source has them: signature and docstring, without what their modules import.

Help must not wait for torch, nor need it. So commands are made of functions that are read, not
imported: annotations are evaluated by what the source of twoalike defines; what other libraries
define is a :class:`Foreign` type, which nobody can write on a command line.
"""

import ast
import builtins
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

_KNOWN: dict[str, Any] = {
    "Any": Any,
    "Callable": Callable,
    "Collection": Collection,
    "Literal": Literal,
    "Mapping": Mapping,
    "Path": Path,
    "Sequence": Sequence,
}


class _AnyName(type):
    """Gives every attribute, and takes every index."""

    def __getattr__(cls, name: str) -> "_AnyName":
        if name.startswith("__"):
            raise AttributeError(name)
        return Foreign

    def __getitem__(cls, _: object) -> "_AnyName":
        return Foreign


class Foreign(metaclass=_AnyName):
    """Stands for any type that is not in the standard library."""


def read(path: str) -> Callable[..., Any]:
    """Read a function, or a dataclass, such as ``embedding:fit``; what is given cannot be called.

    Examples
    --------
    >>> inspect.signature(read("distill:distill")).parameters["resume"]
    <Parameter "resume: bool = False">
    """
    package, _, name = path.partition(":")
    module, node = _found(f"twoalike.{package}", name)
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)

    def described() -> None:
        raise TypeError(f"{path} was read, not imported")

    described.__doc__ = ast.get_docstring(node)
    described.__module__ = f"twoalike.{package}.{name}"
    shown = inspect.Signature(list(_parameters(node, _Names(module))))
    described.__signature__ = shown  # type: ignore[attr-defined]
    return described


def _parameters(
    node: ast.FunctionDef | ast.ClassDef, names: "_Names"
) -> Iterator[inspect.Parameter]:
    kinds = inspect.Parameter
    rows: list[tuple[str, ast.expr | None, ast.expr | None, Any]] = []
    if isinstance(node, ast.ClassDef):
        fields = (one for one in node.body if isinstance(one, ast.AnnAssign))
        rows = [(_name(one), one.annotation, one.value, kinds.KEYWORD_ONLY) for one in fields]
    else:
        of = node.args
        places, n = [*of.posonlyargs, *of.args], len(of.defaults)
        usual = [None] * (len(places) - n) + of.defaults
        for one, default in zip(places, usual, strict=True):
            rows.append((one.arg, one.annotation, default, kinds.POSITIONAL_OR_KEYWORD))
        for one, default in zip(of.kwonlyargs, of.kw_defaults, strict=True):
            rows.append((one.arg, one.annotation, default, kinds.KEYWORD_ONLY))
    for name, annotation, default, kind in rows:
        value = kinds.empty if default is None else names.value(default)
        assert annotation is not None
        yield kinds(name, kind, default=value, annotation=names.annotation(annotation))


class _Names(dict[str, Any]):
    """What the names in a module are, as far as its annotations need them."""

    def __init__(self, module: str) -> None:
        super().__init__(_KNOWN)
        self._module = module

    def __missing__(self, name: str) -> Any:
        module, node = _found(self._module, name)
        if isinstance(node, ast.TypeAlias | ast.Assign | ast.AnnAssign) and node.value is not None:
            return _Names(module).value(node.value)
        if node is None and hasattr(builtins, name):
            raise KeyError(name)
        return Foreign

    def value(self, expression: ast.expr) -> Any:
        """Evaluate a default, or what an annotation is."""
        return eval(compile(ast.Expression(expression), self._module, "eval"), {}, self)

    def annotation(self, expression: ast.expr) -> Any:
        """Evaluate an annotation, which may be a text."""
        if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
            expression = ast.parse(expression.value, mode="eval").body
        return self.value(expression)


def _name(node: ast.stmt) -> str:
    """Name that a statement defines; empty if it is none of one name."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if isinstance(node, ast.TypeAlias):
        target = node.name
    return target.id if isinstance(target, ast.Name) else ""


@cache
def _statements(module: str) -> list[ast.stmt]:
    import twoalike

    inner = module.removeprefix("twoalike.").replace(".", "/")
    endings = (".py", "/__init__.pyi", "/__init__.py")
    files = (Path(root, inner + ending) for root in twoalike.__path__ for ending in endings)
    tree = ast.parse(next(filter(Path.is_file, files)).read_text(encoding="utf-8"))
    return [
        one for node in tree.body for one in (node.body if isinstance(node, ast.If) else [node])
    ]


def _found(module: str, name: str) -> tuple[str, ast.stmt | None]:
    """Find the statement that defines a name, in whichever module of twoalike."""
    for node in _statements(module):
        if _name(node) == name:
            return module, node
        if isinstance(node, ast.ImportFrom):
            source = f"{module}.{node.module}" if node.level else str(node.module)
            for alias in node.names if source.startswith("twoalike.") else ():
                if name == (alias.asname or alias.name):
                    return _found(source, alias.name)
    return module, None
