"""The ``twoalike`` command: its verbs, and their exit status.

0: success; 1: failure, with the reason in one line; 2: wrong usage; 130: interrupted; 141: the
reader of the output has closed it (``| head``).
"""

import errno
import inspect
import os
import re
import select
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn, TextIO

from cyclopts import App

_EXAMPLES = "Examples\n--------\n"
_PARAMETERS = "Parameters\n----------\n"
_RULE = re.compile("-{3,}")
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
"""A word of a command; a quoted text is one word."""


def unwrapped(docstring: str) -> str:
    """Join the lines of each paragraph but the examples, and drop the marks of code."""
    lines: list[str] = []
    within = ""
    for line in docstring.replace("``", "").splitlines():
        last = lines[-1] if lines else ""
        if _RULE.fullmatch(line):
            within = last
        starts = not last or _RULE.fullmatch(line) or _RULE.fullmatch(last)
        if line and not starts and _indent(line) == _indent(last) and within != "Examples":
            lines[-1] = f"{last} {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def examples(command: Callable[..., Any]) -> str:
    """Examples of a docstring, which cyclopts leaves out: lines to copy; empty without any."""
    _, found, after = (inspect.getdoc(command) or "").partition(_EXAMPLES)
    if not found:
        return ""
    lines = takewhile(lambda line: not line or line[0] in " t", after.splitlines())
    width = shutil.get_terminal_size().columns
    shown = [part for line in lines if line.strip() for part in _fold(line, width)]
    return "\n".join(["Examples:", *shown])


def _fold(line: str, width: int) -> Iterator[str]:
    """Break a command where it is too long, the way a shell reads on."""
    shown = " "
    for word in _WORD.findall(line):
        if len(f"{shown} {word} \\") > width and shown.strip():
            yield f"{shown} \\"
            shown = "     "
        shown += f" {word}"
    yield shown


_DECLARED = tomllib.loads(Path(__file__).with_name("commands.toml").read_text(encoding="utf-8"))
VERBS = {verb: (of["module"], of["summary"]) for verb, of in _DECLARED["verbs"].items()}
"""Verb -> (module of twoalike.cli, summary), in the order of the chain.

Modules are named, so that nothing is imported before it is needed; a verb is a function there.
"""
GROUPS = {verb: of["commands"] for verb, of in _DECLARED["verbs"].items() if "commands" in of}
"""Verb of a group -> its commands."""
EXTRAS = {module: extra for extra, of in _DECLARED["extras"].items() for module in of.split()}
"""Module -> the extra that installs it; each machine of a lab needs only its part."""


def with_help(command: Callable[..., Any]) -> str:
    """Docstring of a command with what ``commands.toml`` says of it, once."""
    described = inspect.getdoc(command) or ""
    module = command.__module__.rpartition(".")[2]
    about = _DECLARED["help"].get(module, {}).get(command.__name__)
    if about is None or "\n" in described:
        return described
    parameters = "".join(
        f"{name}\n    {' '.join(text.split())}\n"
        for name, text in about.get("parameters", {}).items()
    )
    examples = "".join(f"    {line}\n" for line in about.get("examples", "").splitlines())
    heads = {"": about.get("text", ""), _PARAMETERS: parameters, _EXAMPLES: examples}
    return "\n\n".join([described, *(head + part for head, part in heads.items() if part)])


def _version() -> str:
    from importlib.metadata import version  # a fifth of the time of --help

    return version("twoalike")


def build(*, summaries: bool) -> App:
    """Make it; verbs have ``summaries`` for the list of all, else the help of a docstring."""
    app = App(
        name="twoalike",
        help="From people's similarity judgments to aligned vision networks.",
        help_format="plaintext",  # Markdown would take a third of the time of --help
        version=_version,
        suppress_keyboard_interrupt=False,  # main reports it and exits with 130
    )
    for position, (verb, (module, summary)) in enumerate(VERBS.items()):
        extra = {"help": summary} if summaries else {}
        if verb in GROUPS:
            group = App(name=verb, help=summary, sort_key=position)
            for name in GROUPS[verb].split():
                group.command(_place(module, name), name=name)
            app.command(group)
        else:
            app.command(_place(module, verb), name=verb, sort_key=position, **extra)
    return app


def _place(module: str, name: str) -> str:
    """Where cyclopts imports a command from, which is made there (:mod:`._derived`)."""
    return f"twoalike.cli._derived:{module}.{name}"


app = build(summaries=False)
HELP = ("--help", "-h")
READER_LEFT = 141
"""The status that shells report for other tools in this case: 128 plus the number of SIGPIPE."""


def _command(words: list[str]) -> Callable[..., Any] | None:
    """Find the function of a verb and its command; None for a group of commands."""
    found = app[words[0]]
    if words[0] not in GROUPS:
        return found.default_command
    commands = {name: found[name].default_command for name in GROUPS[words[0]].split()}
    return commands.get(words[1]) if len(words) > 1 else None  # made, so that help lists them


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, by default that of the process, and exit with its status."""
    try:
        _main(arguments)
    except SystemExit as end:
        left = [stream for stream in _streams() if not _is_flushed(stream)]
        # If the reader has left, rich exits with status 1 in place of the error.
        if isinstance(end.__context__, BrokenPipeError) or (left and not end.code):
            _end_unread(left)
        raise
    except BrokenPipeError:
        left = [stream for stream in _streams() if not _has_reader(stream)]
        if not left:
            raise  # from an internal pipe: a defect
        _end_unread(left)


def _streams() -> list[TextIO]:
    """Return standard output and error; Python has neither if they were closed at its start."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]


def _is_flushed(stream: TextIO) -> bool:
    """Flush a stream; return whether it still has a reader."""
    try:
        stream.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EINVAL):  # the latter on Windows
            raise
        return False
    return True


def _has_reader(stream: TextIO) -> bool:
    """Whether a stream has a reader, even if its buffer is empty."""
    if not hasattr(select, "poll"):  # Windows
        return _is_flushed(stream)
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLOUT)
    return not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _end_unread(streams: list[TextIO]) -> NoReturn:
    """Exit silently; the last flush at the end of Python goes to the null device."""
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(READER_LEFT)


def _main(arguments: list[str] | None) -> None:
    # Numerical threads that wait should sleep: spinning ones made a distillation five times
    # slower where other work used the processors too. Read when the first of them starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = sys.argv[1:] if arguments is None else arguments
    known = bool(words) and words[0] in VERBS
    try:
        if known and any(word in HELP for word in words):
            if command := _command(words):
                command.__doc__ = unwrapped(inspect.getdoc(command) or "")  # cyclopts reads it
                app.help_epilogue = examples(command)
        (app if known else build(summaries=True))(words)
    except KeyboardInterrupt as interrupt:
        from twoalike.study import visible

        said = f": {visible(with_options(str(interrupt)))}" if str(interrupt) else ""
        print(f"twoalike: interrupted{said}", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        from twoalike.study import how_to_install

        message = f"this needs the package {error.name!r}. {how_to_install(extra)}"
        print(f"twoalike: {message}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except Exception as error:
        # Imported here, since the error class brings pandas along and --help must be instant.
        from twoalike.study import TwoalikeError, visible

        said = with_options(str(error)) if isinstance(error, TwoalikeError) else _no_space(error)
        if not said:
            raise
        print(f"twoalike: {visible(said)}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


def with_options(message: str) -> str:
    """Replace function parameters in a message by command-line options."""
    return re.sub(r"`([a-z]\w*)=([^`]*)`", _option, message)


def _option(parameter: re.Match[str]) -> str:
    name, value = parameter[1].replace("_", "-"), parameter[2]
    if value == "False":
        return f"--no-{name}"
    return f"--{name}" if value in ("True", "...") else f"--{name} {value}"


def _no_space(error: Exception) -> str:
    """Report a full disk that a library, such as a compiler, met; empty for any other error.

    Libraries write to the temporary folder, which the user did not name.
    """
    if not isinstance(error, OSError):
        return ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if not full and "No usable temporary directory" not in str(error):
        return ""
    place = error.filename or "a temporary file"
    return (
        f"{place}: cannot write ({error.strerror}). Free space, or set the environment variable "
        "TMPDIR to a folder on another disk."
    )


if __name__ == "__main__":
    main()
