"""The page ``you.html``: the map first, then what it says and what it cannot say."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from twoalike.demo._yourself_findings import Result, Share
from twoalike.evaluation import wilson_interval
from twoalike.figures import NARROW, WIDE, embedding_map, to_png
from twoalike.report import (
    Caution,
    Fact,
    Gallery,
    Grid,
    Page,
    Picture,
    Row,
    Section,
    Text,
    Thumbnails,
    Tile,
    Verbatim,
    image_uri,
    percent,
    render,
)
from twoalike.stimuli import ATTRIBUTION
from twoalike.study import atomic_path, counted, write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_UNFOLDED = 4
_MOST_COLOURS = 5
_CREDIT = "Images: OpenMoji, CC BY-SA 4.0"


def write_page(root: Path, result: Result) -> Path:
    """Write ``you.png``, ``you.json`` and ``you.html`` into ``root``, each all or nothing."""
    write_json(root / "you.json", result.as_dict())
    with atomic_path(root / "you.png") as temporary:
        temporary.write_bytes(to_png(draw_map(result, WIDE, titled=True)))
    page = root / "you.html"
    with atomic_path(page) as temporary:
        temporary.write_text(render(build_page(result)), encoding="utf-8")
    return page


def _in_words(share: Share) -> str:
    """Return a share with its interval, in words."""
    low, high = wilson_interval(share.hits, share.n)
    hits = f"{share.hits:.1f}".removesuffix(".0")
    return (
        f"{hits} of {share.n} ({percent(share.hits / share.n)}, 95 % interval "
        f"{percent(float(low))} to {percent(float(high))})"
    )


def build_page(result: Result) -> Page:
    """Make the page."""
    sections = [_map(result), _groups(result), _tree(result)]
    if result.own_way:
        sections.append(_own_way(result))
    sections.append(_about(result))
    n = counted(len(result.chosen), "choice")
    return Page(
        title=result.title,
        subtitle=f"{n} among {len(result.ids)} objects · twoalike {version('twoalike')}",
        facts=_facts(result),
        findings=_findings(result),
        cautions=_cautions(result),
        sections=sections,
    )


def _facts(result: Result) -> list[Fact]:
    facts = [Fact(str(len(result.chosen)), "choices")]
    if np.isfinite(result.response_time):
        facts.append(Fact(f"{result.response_time:.1f}\N{NO-BREAK SPACE}s", "for a typical choice"))
    total = result.tree_total
    if total.n:
        facts.append(Fact(percent(total.hits / total.n), "follow the categories; chance 33 %"))
    if result.repeats.n:
        facts.append(
            Fact(f"{result.repeats.hits:.0f} of {result.repeats.n}", "repeated triplets, same odd")
        )
    return facts


def _findings(result: Result) -> list[str]:
    sentences = []
    best = result.groups[0]
    if len(best.rows) > 1:
        names = _listed([result.ids[row] for row in best.rows])
        sentences.append(
            f"Kept together most: {names}, with each other in {percent(best.together)} of what the "
            f"answers leave possible (any two objects: {percent(result.together_by_chance)})."
        )
    total = result.tree_total
    if total.n:
        sentences.append(f"The odd one was the one that the categories name in {_in_words(total)}.")
    if result.repeats.n:
        sentences.append(
            f"Of {counted(result.repeats.n, 'triplet')} shown twice, "
            f"{result.repeats.hits:.0f} got the same odd one both times." + _changed(result.repeats)
        )
    sentences.append(
        f"A map fitted without a triplet names its odd one in {_in_words(result.predicted)}: "
        + _verdict(result.predicted)
    )
    return sentences


def _changed(repeats: Share) -> str:
    """Explanation if half of the answers or more changed; empty otherwise."""
    if 2 * repeats.hits > repeats.n:
        return ""
    return (
        " That happens to everybody where two answers are about equally good. It is not wrong; it "
        "makes the map less sure."
    )


def _verdict(share: Share) -> str:
    low, _ = wilson_interval(share.hits, share.n)
    if low > 1 / 3:
        return "more than guessing, so the choices are predictable from each other."
    return "not clearly more than guessing (33 %), so a new choice is hardly predictable yet."


def _cautions(result: Result) -> list[Caution]:
    cautions = []
    if not result.converged:
        cautions.append(
            Caution(
                "The fit has not converged, however long it ran; the answers are not to blame. The "
                "map is a sketch: another fit may place the objects differently."
            )
        )
    if result.simulated:
        cautions.append(Caution("The answers are a simulated person's, made from the categories."))
    cautions += [
        Caution(
            f"{counted(len(result.chosen), 'choice')} are few: {_seen(result)}, half of the pairs "
            f"{_often(result.pair_median)}. A study asks ten times as much."
        ),
        Caution(
            "Where two ellipses overlap, the map does not know which object is nearer. The "
            "directions of the map mean nothing, only its distances do."
        ),
        Caution(
            f"It knows these {len(result.ids)} objects in each other's company. Among others the "
            "same things would lie differently."
        ),
    ]
    return cautions


def _map(result: Result) -> Section:
    level = coloured_level(result)
    by = f", coloured by {level}" if level else ""
    caption = (
        "Distance: how rarely two objects are kept when a third of these is with them, mean "
        f"over the posterior{by}. Ellipse: where half of the posterior puts the object. The "
        f"distances on the flat map and the unflattened ones correlate {result.layout.fit:.2f}. "
        "Images that would hide one another are moved apart."
    )
    alt = f"Map of {counted(len(result.ids), 'object')}{by}, with an ellipse of uncertainty each."
    picture = Picture.draw(lambda width: draw_map(result, width), alt=alt, caption=caption)
    lead = "What was kept together lies close together, as far as the answers tell."
    return Section("map", "The map", lead, [picture])


def draw_map(result: Result, width: float, *, titled: bool = False) -> "Figure":
    """Map of the objects; ``titled`` where it will be seen without the page."""
    level = coloured_level(result)
    figure = embedding_map(
        result.layout,
        categories=list(result.categories[level]) if level else None,
        images=Thumbnails(result.stimuli, result.ids, 160 if width > NARROW else 112),
        width=width,
        spread=True,
    )
    if titled:
        lines = [
            f"{result.title}, from {counted(len(result.chosen), 'choice')}: what was kept "
            "together lies close.",
            "An ellipse holds half of the places where its object may belong. "
            + (f"{_CREDIT}." if credited(result) else ""),
        ]
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.5)
    return figure


def credited(result: Result) -> bool:
    """Whether the images are OpenMoji's, to be credited wherever they are shown."""
    return (result.stimuli.folder / ATTRIBUTION).is_file()


def coloured_level(result: Result) -> str | None:
    """Find the finest level with few enough categories to tell colours apart."""
    levels = [n for n in result.categories if 1 < result.categories[n].nunique() <= _MOST_COLOURS]
    return str(levels[-1]) if levels else None


def _tiles(result: Result, rows: tuple[int, ...]) -> list[Tile]:
    names = [result.ids[row] for row in rows]
    return [Tile(name, image_uri(result.stimuli.picture(name)), _plain(name)) for name in names]


def _groups(result: Result) -> Section:
    rows = []
    for number, group in enumerate(result.groups, start=1):
        if len(group.rows) == 1:
            note = "by itself"
        else:
            note = f"together in {percent(group.together)} of the draws"
            if group.together <= result.together_by_chance:
                note += ", no more than any two: what is left over"
        rows.append(Row(f"Group {number}", note, _tiles(result, group.rows)))
    caption = (
        f"Clusters that hold across the draws of the posterior. Any two objects share a cluster "
        f"in {percent(result.together_by_chance)} of them: a group is telling as far as it is "
        "above that."
    )
    lead = f"The {len(result.groups)} groups that the choices keep together."
    return Section("groups", "What belongs together", lead, [Gallery(caption, rows)])


def _tree(result: Result) -> Section:
    rows = []
    for name, share in result.tree.items():
        low, high = (float(end) for end in wilson_interval(share.hits, share.n))
        interval = f"{percent(low)} to {percent(high)}"
        hits = f"{share.hits:.0f}"
        rows.append((f"same {name}", str(share.n), hits, percent(share.hits / share.n), interval))
    lead = (
        "In most triplets two objects are closer by their categories than the third is to either. "
        "How often was that third one called odd? Fine distinctions first."
    )
    columns = ["closer two are of the", "triplets", "followed", "share", "95 % interval"]
    grid = Grid(
        "By the finest category that the closer two share; first showings only. Guessing: 33 %.",
        pd.DataFrame(rows, columns=columns).set_index(columns[0]),
    )
    if not rows:
        return Section("tree", "With the categories", lead, [Text("No triplet could tell.")])
    return Section("tree", "With the categories", lead, [grid])


def _own_way(result: Result) -> Section:
    rows = []
    for items, place, expected in result.own_way:
        kept = _listed([result.ids[item] for k, item in enumerate(items) if k != place])
        note = f"and not {_plain(result.ids[items[expected]])}; kept: {kept}"
        title = f"Odd: {_plain(result.ids[items[place]])}"
        rows.append(Row(title, note, _tiles(result, items)))
    lead = "Where colour, use, place or a thought of one's own counted more than the category."
    caption = f"{counted(len(rows), 'triplet')}, in the order shown."
    gallery = Gallery(caption, rows[:_UNFOLDED], rows[_UNFOLDED:])
    return Section("own", "Off the beaten track", lead, [gallery])


def _about(result: Result) -> Section:
    text = (
        "A Bayesian embedding of the objects shown, fitted to these choices alone (a softmax over "
        "the similarities of the pairs, mixed with guessing). Similarities, groups and predictions "
        "are averages over posterior draws; the prediction of a triplet weighs the draws as if "
        "its own answers had not been given."
    )
    if credited(result):
        text += (
            " All emojis designed by OpenMoji, the open-source emoji and icon project "
            "(openmoji.org). Licence: CC BY-SA 4.0."
        )
    made = Verbatim("Where this comes from", json.dumps(result.made_from, indent=2))
    return Section("about", "How it was made", "", [Text(text), made])


def _seen(result: Result) -> str:
    """Return which share of the pairs was seen, in words."""
    m = len(result.ids)
    pairs = m * (m - 1) // 2
    if result.pairs_shown == 1:
        return f"each of the {pairs} pairs was on the screen"
    return f"of the {pairs} pairs, {percent(result.pairs_shown)} were on the screen at all"


def _often(median: float) -> str:
    """Return how often, at most, half of the pairs were seen."""
    if median < 1:
        return "never"
    return "once at most" if median < 2 else f"{median:.0f} times at most"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _listed(names: list[str]) -> str:
    """Return names as a phrase.

    Examples
    --------
    >>> _listed(["dog", "bare_tree", "car"])
    'dog, bare tree and car'
    """
    *most, last = map(_plain, names)
    return f"{', '.join(most)} and {last}" if most else last
