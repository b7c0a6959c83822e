"""A page of headings, paragraphs, lists and quotations, as Markdown and as HTML."""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from twoalike.study import TwoalikeError, atomic_path

_STYLE = """
body { font: 10.5pt/1.4 "Liberation Sans", Arial, sans-serif; color: #1a1a1a; max-width: 46em;
  margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; margin-bottom: .2em; } h2 { font-size: 1.1em; margin: 1.1em 0 .3em; }
p, ul { margin: .3em 0; } ul { padding-left: 1.3em; } .made { color: #595959; }
blockquote { margin: .4em 0; padding: .1em .9em; border-left: 3px solid #b3b3b3; }
code { font-size: .9em; overflow-wrap: anywhere; }
@page { size: A4; margin: 12mm 16mm; }
@media print { body { margin: 0; max-width: none; font-size: 8.5pt; line-height: 1.25; }
  h2 { break-after: avoid; margin-top: .7em; } h2:last-of-type { break-before: page; } }
"""


@dataclass(frozen=True)
class Block:
    """A paragraph, a list or a quotation; ``**bold**`` and ```code``` as in Markdown."""

    kind: Literal["text", "items", "quote"]
    lines: tuple[str, ...]
    """The paragraph; the items; or the paragraphs of the quotation."""


def text(line: str) -> Block:
    """Paragraph."""
    return Block("text", (line,))


def items(lines: Iterable[str]) -> Block:
    """List of items."""
    return Block("items", tuple(lines))


def quote(pages: Iterable[str]) -> Block:
    """Quotation of pages that participants read; an empty line begins a paragraph."""
    parts = (part for page in pages for part in re.split(r"\n\s*\n", page.strip()))
    return Block("quote", tuple(" ".join(part.split()) for part in parts if part.strip()))


@dataclass(frozen=True)
class DescriptionPage:
    """Description of a study; printing it shows the Markdown, a notebook the HTML."""

    title: str
    language: str
    """``en`` or ``de``."""
    made: str
    """Which program made it."""
    sections: Mapping[str, tuple[Block, ...]]
    """Blocks by heading."""

    @property
    def markdown(self) -> str:
        """The page as Markdown."""
        parts = [f"# {self.title}", f"*{self.made}*"]
        for head, blocks in self.sections.items():
            parts += [f"## {head}", *map(_markdown, blocks)]
        return "\n\n".join(parts) + "\n"

    @property
    def html(self) -> str:
        """The page as one HTML file, which word processors open and browsers print."""
        body = [f"<h1>{html.escape(self.title)}</h1>", f'<p class="made">{_inline(self.made)}</p>']
        for head, blocks in self.sections.items():
            body += [f"<h2>{html.escape(head)}</h2>", *map(_html, blocks)]
        return (
            f'<!doctype html>\n<html lang="{self.language}">\n<head>\n<meta charset="utf-8">\n'
            f"<title>{html.escape(self.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
            + "\n".join(body)
            + "\n</body>\n</html>\n"
        )

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, in the format that the ending of its name says."""
        path = Path(path)
        formats = {".md": self.markdown, ".html": self.html}
        if path.suffix not in formats:
            raise TwoalikeError(where=path, expected="a file .md or .html", found=path.name)
        with atomic_path(path) as temporary:
            temporary.write_text(formats[path.suffix], encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.markdown

    def _repr_html_(self) -> str:
        return self.html


def _markdown(block: Block) -> str:
    if block.kind == "items":
        return "\n".join(f"- {line}" for line in block.lines)
    if block.kind == "quote":
        return "\n>\n".join(f"> {line}" for line in block.lines)
    return block.lines[0]


def _html(block: Block) -> str:
    lines = [_inline(line) for line in block.lines]
    if block.kind == "items":
        return "<ul>\n" + "\n".join(f"<li>{line}</li>" for line in lines) + "\n</ul>"
    paragraphs = "\n".join(f"<p>{line}</p>" for line in lines)
    return f"<blockquote>\n{paragraphs}\n</blockquote>" if block.kind == "quote" else paragraphs


def _inline(line: str) -> str:
    """Turn bold and code into HTML; everything else is escaped."""
    safe = html.escape(line, quote=False)
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", safe)
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", bold)
