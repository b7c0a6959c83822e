"""Two ways to do one thing, as tabs: a cell tagged ``python``, and the ``%%sh`` cell after it.

MyST-NB runs cells that stand at the top of a page only, so the tabs are put around them when they
have been run. What takes long is done once, by the command: then the first cell is tagged
``skip-execution`` as well, and a cell tagged ``python-shows`` follows, which loads what the command
made. Its output goes into the tab of Python.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_design.shared import create_component


def _is_code(node: nodes.Node | None) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def _without_magic(cell: nodes.container) -> None:
    """Leave out the line with the magic, which the tab's title stands for."""
    for block in cell.findall(nodes.literal_block):
        first, _, rest = block.astext().partition("\n")
        if first.startswith("%%sh"):
            block.children = [nodes.Text(rest)]
            block.rawsource = rest  # else the text is taken for parsed, and not coloured
            block["language"] = "sh"


def _tab(title: str, *cells: nodes.container) -> nodes.container:
    label = nodes.rubric(title, title, classes=["sd-tab-label"])
    label["sync_group"], label["sync_id"] = "language", title.lower()
    content = create_component("tab-content", classes=["sd-tab-content"], children=cells)
    return create_component("tab-item", classes=["sd-tab-item"], children=[label, content])


def join_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Put each cell tagged ``python`` and the shell cell after it into tabs (``doctree-read``)."""
    for python in [cell for cell in doctree.findall(_is_code) if "tag_python" in cell["classes"]]:
        parent = python.parent
        place = parent.index(python)
        shell = parent[place + 1] if place + 1 < len(parent) else None
        if not _is_code(shell) or not shell.astext().startswith("%%sh"):
            raise ValueError(f"{app.env.docname}: no %%sh cell after: {python.astext()[:60]}")
        _without_magic(shell)
        parent.remove(shell)
        after = parent[place + 1] if place + 1 < len(parent) else None
        shows = [after] if _is_code(after) and "tag_python-shows" in after["classes"] else []
        for cell in shows:
            parent.remove(cell)
        tabs = create_component("tab-set", classes=["sd-tab-set"])
        parent[place] = tabs
        tabs += [_tab("Shell", shell), _tab("Python", python, *shows)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("doctree-read", join_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
