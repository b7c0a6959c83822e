"""Commands whose arguments and help come from a documented function, and options of several.

Help must not wait for torch, nor need it. So functions are read, not imported: annotations are
evaluated by what the source of twoalike defines; what other libraries define is a :class:`Foreign`
type, which nobody can write on a command line.
"""

import ast
import builtins
import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from cyclopts import Parameter

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

type Command = Callable[..., None]
type Flag = Annotated[bool, Parameter(negative=())]
"""An option that is on if given; there is no ``--no-...``."""


def _check_task(_: type, name: str | None) -> None:
    """Refuse a name that no task has; None is no name."""
    from twoalike.registry import task_names

    if name is not None and name not in task_names():
        raise ValueError(f"Choose from: {', '.join(task_names())}.")


type TaskName = Annotated[str, Parameter(validator=_check_task)]
"""The option ``--task``: built-in tasks and those of installed packages."""


def named(text: str) -> tuple[str, Path]:
    """Split NAME=FILE; the name is the file's, without its ending, where none is given."""
    name, path = maybe_named(text)
    return name or path.stem, path


def maybe_named(text: str) -> tuple[str, Path]:
    """Split NAME=FILE; the name is empty where none is given."""
    name, mark, file = text.partition("=")
    if not mark or Path(text).exists():
        return "", Path(text)
    return name.strip(), Path(file)


_AS_IN = re.compile(r"As in :func:`([\w.]+)`[.:;,]?\s*(.*)", re.DOTALL)
_ROLE = re.compile(r":[a-z]+:`~?(?:\w+\.)*(\w+)`")
_MARKED = re.compile(r"``(\w+)(?:=\"?([^`\"]*)\"?)?``(?!:)")  # with a colon it is a value


def takes(
    path: str, *, settings: str = "", without: Collection[str] = (), some: str = "", **instead: str
) -> Callable[[Command], Command]:
    """Say of which function, such as ``embedding:fit``, a command has its parameters.

    ``instead`` names a function that takes its place with an option, such as
    ``groups="recovery:group_power"`` with ``--groups``. The command is made when it is first asked
    for (:func:`derived`), of functions that are read, not imported. Fields of ``settings`` are
    options too; or ``some`` of them, which replace those of a recipe if given.
    """

    def mark(command: Command) -> Command:
        command.takes = (path, settings, without, some, instead)  # type: ignore[attr-defined]
        return command

    return mark


def __getattr__(place: str) -> Command:
    """Make a command by its place, such as ``studies.init``, for cyclopts to import."""
    module, _, name = place.partition(".")
    if not name:
        raise AttributeError(place)
    from twoalike.cli.app import with_help

    command = getattr(import_module(f"twoalike.cli.{module}"), name)
    command.__doc__ = with_help(command)
    if not hasattr(command, "takes"):
        return command  # type: ignore[no-any-return]
    path, settings, without, some, instead = command.takes
    model = _named(settings) if settings else None
    others = {option: read(other) for option, other in instead.items()}
    return derived(command, read(path), model, some.split(), without=without, **others)


def _named(path: str) -> Any:
    package, _, name = path.partition(":")
    return getattr(import_module(f"twoalike.{package}"), name)


def derived(
    command: Command,
    function: Callable[..., Any],
    settings: type["BaseModel"] | None = None,
    some: Collection[str] = (),
    *,
    without: Collection[str] = (),
    **instead: Callable[..., Any],
) -> Command:
    """Give a command the parameters of a function, for a body that takes them as ``**given``.

    Parameters that the command itself has replace those of the same name or are added. Of the
    others the first is an argument and the rest are options, and so are the fields of ``settings``.
    The descriptions are those in the command's docstring, else those of the function or of the
    fields; a seed is checked.
    """
    fields = {} if settings is None else dict(settings.model_fields)
    usual = {name: of.default for name, of in fields.items()}
    if some:
        fields, usual = {name: fields[name] for name in some}, dict.fromkeys(some)
    own = {p.name: p for p in _parameters(command)}
    taken = {p.name: p for p in _parameters(function)} | {
        name: inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=usual[name], annotation=of.annotation
        )
        for name, of in fields.items()
    }
    said = {name: _sentence(field) for name, field in fields.items()}
    for option, other in instead.items():
        for name, text in _parsed(other)[1].items():
            p = inspect.signature(other).parameters[name]
            if name not in taken:
                taken[name] = p.replace(default=None, annotation=p.annotation | None)
                said[name] = f"{text} With ``{option}=True``; {p.default} if left out."
    taken = {name: p for name, p in taken.items() if name not in without}
    places = [name for name, p in own.items() if p.kind is not p.KEYWORD_ONLY]
    first = "" if places else next(iter(taken))
    shown = [own.get(name) or _shown(taken[name], name == first) for name in taken | own]
    signature = inspect.Signature(sorted(shown, key=lambda p: p.kind))

    @wraps(command)
    def run(*words: Any, **options: Any) -> None:
        bound = signature.bind(*words, **options)
        bound.apply_defaults()
        given = bound.arguments
        if "seed" in given:
            from twoalike.study import check_seed

            check_seed(given["seed"])
        ordered: list[Any] = []
        for name in places:
            value = given.pop(name)
            ordered += value if own[name].kind is own[name].VAR_POSITIONAL else [value]
        command(*ordered, **given)

    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in shown}
    run.__doc__ = _docstring(command, function, said, signature.parameters)
    return run


def _sentence(field: "FieldInfo") -> str:
    """Make a sentence of the description of a field, which may begin with one of its values."""
    description = field.description or ""
    first = description.split()[0].strip(":,")
    is_value = repr(first) in repr(field.annotation)
    begins = first if is_value else first[:1].upper() + first[1:]
    return f"{begins}{description[len(first) :]}."


def _parameters(function: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            yield parameter


def _shown(parameter: inspect.Parameter, is_argument: bool) -> inspect.Parameter:
    by_place = is_argument and parameter.kind is not parameter.KEYWORD_ONLY
    kind = parameter.POSITIONAL_ONLY if by_place else parameter.KEYWORD_ONLY
    return parameter.replace(kind=kind, annotation=_typed(parameter.annotation, parameter.default))


def _typed(annotation: Any, default: Any) -> Any:
    """Of the types that a function takes, the one that is written on a command line."""
    kinds = [one for one in _members(annotation) if one not in (NoneType, Foreign)]
    kind: Any = Path if Path in kinds or not kinds else Union[*kinds]
    if get_origin(kind) is Sequence:
        kind = list[_typed(get_args(kind)[0], ...)]  # type: ignore[misc]
    if get_origin(kind) in (list, tuple) or (kind is bool and not default):
        kind = Annotated[kind, Parameter(negative=())]
    return kind | None if default is None else kind


def _members(kind: Any) -> Iterator[Any]:
    if get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            yield from _members(one)
    else:
        yield kind


def _docstring(
    command: Callable[..., Any],
    function: Callable[..., Any],
    said: Mapping[str, str],
    shown: Mapping[str, inspect.Parameter],
) -> str:
    """Compose the docstring of a command: its own summary and examples, and the rest of either."""
    own, of = _parsed(command), _parsed(function)
    _, marked, examples = (inspect.getdoc(command) or "").partition("Examples\n--------\n")
    about = {**said, **of[1], **own[1]}
    (summary, _, more), longer = own[0].partition("\n\n"), of[0].partition("\n\n")[2]
    lines = ["Parameters", "----------"]
    for name in filter(about.get, shown):
        lines += [name, f"    {' '.join(about[name].split())}"]
    text = "\n\n".join([summary, *filter(None, [(more or longer).strip()]), "\n".join(lines)])
    return f"{_words(text, shown)}\n\n{marked}{examples.partition('\n\nParameters\n')[0]}"


def _parsed(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    from docstring_parser import DocstringStyle, parse

    parsed = parse(inspect.getdoc(function) or "", DocstringStyle.NUMPYDOC)
    described = {
        name: _resolved(name, each.description or "", function)
        for each in parsed.params
        for name in each.arg_name.split(", ")
    }
    return (parsed.description or "").strip(), described


def _resolved(name: str, text: str, function: Callable[..., Any]) -> str:
    """Replace a reference to another function by what that one says of the same parameter."""
    found = _AS_IN.fullmatch(text)
    if found is None:
        return text
    package, _, other = found[1].rpartition(".")
    package = package or function.__module__.rpartition(".")[0]
    said = _parsed(read(f"{package.removeprefix('twoalike.')}:{other}"))[1][name]
    return f"{said} {found[2][:1].upper()}{found[2][1:]}".strip()


def _words(text: str, shown: Mapping[str, inspect.Parameter]) -> str:
    """Write parameters as on a command line, and None as what it means there."""

    def option(found: re.Match[str]) -> str:
        name, value = found[1], found[2] or ""
        if name not in shown:
            return found[0].strip("`")
        if shown[name].kind is not inspect.Parameter.KEYWORD_ONLY:
            return name.upper()
        words = f"--{'no-' if value == 'False' else ''}{name.replace('_', '-')}"
        return words if value in ("", "True", "False") else f"{words} {value}"

    text = _MARKED.sub(option, _ROLE.sub(r"\1", text))
    text = text.replace("``", "").replace("; None: ", "; if left out: ")
    return text.replace("None: ", "If left out: ")


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
    """Read a function or dataclass, such as ``embedding:fit``; what is given cannot be called."""
    package, _, name = path.partition(":")
    module, node = _found(f"twoalike.{package}", name)
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)

    def described() -> None:
        raise TypeError(f"{path} was read, not imported")

    described.__doc__ = ast.get_docstring(node)
    described.__module__ = f"twoalike.{package}.{name}"
    shown = inspect.Signature(list(_read_parameters(node, _Names(module))))
    described.__signature__ = shown  # type: ignore[attr-defined]
    return described


def _read_parameters(
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
