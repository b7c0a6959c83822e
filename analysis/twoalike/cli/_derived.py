"""Commands whose arguments and help come from a documented function, and options of several."""

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from cyclopts import Parameter

from twoalike.cli._source import Foreign, read

if TYPE_CHECKING:
    from pydantic import BaseModel

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
    command = getattr(import_module(f"twoalike.cli.{module}"), name)
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
    said = {name: _sentence(field.description or "") for name, field in fields.items()}
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


def _sentence(description: str) -> str:
    """Make a sentence of the description of a field, which may begin with one of its values."""
    starts = description if ":" in description.split(maxsplit=1)[0] else description[:1].upper()
    return f"{starts}{description[len(starts) :]}."


def _parameters(function: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    """All but ``**given``."""
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
    if get_origin(kind) is list or (kind is bool and not default):
        kind = Annotated[kind, Parameter(negative=())]
    return kind | None if default is None else kind


def _members(kind: Any) -> Iterator[Any]:
    """Types that a type may be."""
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
    """Read the description of a function, and of each of its parameters."""
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
