"""Commands, and the arguments and options that their help shows, with types and defaults."""

import re
from collections.abc import Iterator

import pytest
from tests.conftest import call
from tests.golden.golden import check, set_width

_NOTES = re.compile(r"\[(required|choices: [^\]]+|default: .+?|env var: [^\]]+)\](?= \[|$)")


def shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Lines of a help page."""
    assert call(*words, "--help") == 0
    return capsys.readouterr().out.splitlines()


def boxes(lines: list[str]) -> dict[str, list[tuple[str, str]]]:
    """What stands left and right in each box of a help page: names and descriptions."""
    found: dict[str, list[tuple[str, str]]] = {}
    title, width = "", 0
    for line in lines:
        if line.startswith("╭"):
            title, width = line.strip("╭─╮ "), 0
        elif title and line.startswith("│"):
            text = line.strip("│").rstrip()
            if not width:
                # Descriptions of a box begin in one column.
                rows = [row for row in _rows(lines, title)]
                width = max(_gap(row) for row in rows)
            left, right = text[:width].strip(), text[width:].strip()
            if left:
                found.setdefault(title, []).append((left, right))
            else:
                before = found[title].pop()
                found[title].append((before[0], f"{before[1]} {right}"))
        elif line.startswith("╰"):
            title = ""
    return found


def _rows(lines: list[str], title: str) -> Iterator[str]:
    """Lines of one box that begin with a name."""
    start = next(n for n, line in enumerate(lines) if line.strip("╭─╮ ") == title)
    for line in lines[start + 1 :]:
        if not line.startswith("│"):
            return
        text = line.strip("│").rstrip()
        if re.match(r" (\*|  )? {0,2}\S", text):
            yield text


def _gap(row: str) -> int:
    """Where the description of a row begins."""
    found = re.match(r" (?:\* )? *\S+(?: \S+)* {2,}", row)
    return found.end() if found else 0


def commands(capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[str, ...]]:
    """All commands, and those of groups, in the order in which help lists them."""
    for verb, _ in boxes(shown([], capsys))["Commands"]:
        if verb.startswith("-"):
            continue
        yield (verb,)
        for inner, _ in boxes(shown([verb], capsys)).get("Commands", []):
            yield (verb, inner)


def options(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Name of each argument and option -> its type, and what is required, allowed and usual."""
    found = {}
    page = boxes(shown(list(words), capsys))
    for title, rows in page.items():
        for left, right in rows if title != "Commands" else ():
            parts = left.removeprefix("*").split()
            names = [part for part in parts if part.startswith("-")] or parts[:1]
            kind = [part for part in parts if part not in names]
            notes = [f"[{note}]" for note in _NOTES.findall(right)]
            found[" ".join(names)] = " ".join([*kind, *notes])
    return found


def test_all_commands_and_their_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_width(monkeypatch, 2000)
    found = {" ".join(words): options(words, capsys) for words in commands(capsys)}
    check("help/commands", found)
