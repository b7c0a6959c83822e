"""Sections on people without any model: who took part, how far they agree, what they say of pairs.

Beside what people say of pairs stands what the embedding says of them, where there is one.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.evaluation import upper
from twoalike.figures import (
    MOST_LEAVES,
    WIDE,
    Line,
    Panel,
    cluster_tree,
    draw_map,
    draw_similarity,
    observed_layout,
    panel_grid,
    shepard,
    shepard_chart,
    stress,
    tree_chart,
)
from twoalike.judgments import JudgmentKind, chosen_at_random
from twoalike.record import people_listed, read_answers
from twoalike.report._blocks import (
    DASH,
    Block,
    Grid,
    Picture,
    Section,
    Text,
    no_posterior,
    number,
    picture,
    say,
    section,
    thumbnails,
)
from twoalike.report._embedding import category_labels, few_categories
from twoalike.report._inputs import Inputs
from twoalike.rsa import Observed, Reliability, observed
from twoalike.study import MISSING, Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoalike.embedding import Posterior

_LEAST_SHOWN = 3
"""People that a cell of the table of participants needs for its number to be given."""
_CATEGORIES = ("gender", "sex", "handedness", "language")


def sample_section(inputs: Inputs) -> Section | None:
    """Count the participants by group, from recruitment to analysis, and describe them."""
    raw, table = inputs.study.raw, people_listed(inputs.study.raw)
    if table is None or table.empty:
        return None
    table = table.set_index("participant_id").rename(columns=str.lower)
    simulated = table.get("simulated", pd.Series("", table.index)) == "true"
    table = table if simulated.all() else table[~simulated]
    answers, consent = read_answers(raw, "form"), read_answers(raw, "consent")
    answers = answers.drop_duplicates(["participant_id", "question"], keep="last")
    answered = answers.pivot(index="participant_id", columns="question", values="answer")
    table = table.replace(MISSING, np.nan).combine_first(answered.reindex(table.index))
    agreed = (consent["answer"] == "true").groupby(consent["participant_id"]).any()
    out = {f"sub-{name}": why for name, why in inputs.left_out.items()}
    of_person: dict[str, list[str | None]] = {}
    for run in inputs.runs:
        why = run.excluded(inputs.study.config.exclusion)
        of_person.setdefault(f"sub-{run.name.participant}", []).append(why)
    out |= {code: str(each[0]) for code, each in of_person.items() if all(each)}
    reasons = table.index.to_series().map(out, na_action="ignore").astype("string")
    reasons = reasons.str.replace("[:(].*| in [0-9].*|[0-9.,]+ *", "", regex=True)
    there = table.index.isin([*of_person])
    kept = there & reasons.isna().to_numpy()
    flow = {
        "recruited": np.ones(len(table), dtype=bool),
        "consented": agreed.reindex(table.index, fill_value=True).to_numpy(bool),
        "took part": there,
        **{f"excluded: {why}": reasons == why for why in sorted(reasons.dropna().unique())},
        "analysed": kept,
    }
    groups = {"all": flow["recruited"]}
    if inputs.study.config.groups.names and "group" in table:
        groups |= {name: table["group"] == name for name in inputs.study.config.groups.names}
    rows = {what: [int((of & own).sum()) for own in groups.values()] for what, of in flow.items()}
    cells = {what: [str(n[0]), *map(_cell, n[1:])] for what, n in rows.items()}
    people, own = table[kept], [np.asarray(of)[kept] for of in groups.values()]
    if "age" in people:
        ages = pd.to_numeric(people["age"], errors="coerce")
        cells["age: M (SD), range"] = [_ages(ages[of].dropna()) for of in own]
    for column in (name for name in _CATEGORIES if name in people):
        given = people[column].fillna(MISSING).replace(MISSING, "not given")
        given = given.where(given.map(given.value_counts()) >= _LEAST_SHOWN, "other")
        for value in given.value_counts().index:
            cells[f"{column}: {value}"] = [_cell(int((given[of] == value).sum())) for of in own]
    frame = pd.DataFrame.from_dict(cells, orient="index", columns=[*groups])
    caption = say("sample.caption", simulated=simulated.all())
    return section("sample", Grid(caption, frame.rename_axis("participants")))


def _cell(n: int) -> str:
    return str(n) if n == 0 or n >= _LEAST_SHOWN else f"<{_LEAST_SHOWN}"


def _ages(ages: "pd.Series[float]") -> str:
    if len(ages) < _LEAST_SHOWN:
        return DASH
    return f"{ages.mean():.1f} ({ages.std():.1f}), {ages.min():.0f} to {ages.max():.0f}"


def reliability_panels(found: Reliability) -> dict[str, Panel]:
    """Panel of each unit."""
    lines: dict[str, list[Line]] = {}
    for (unit, name), of in found.rows.items():
        lines.setdefault(unit, []).append(Line(name, of))
    panels = {unit: Panel(tuple(own), unit, digits=2) for unit, own in lines.items()}
    if (share := panels.get("share of answers")) is not None:
        known = replace(share, reference=found.chance, reference_name="chance")
        panels["share of answers"] = known
    return panels


def reliability_section(inputs: Inputs) -> Section | None:
    """Say how far people agree with each other and with themselves."""
    blocks: list[Block] = []
    for kind, found in inputs.reliable.items():
        for unit, panel in reliability_panels(found).items():
            words = say("reliability.caption", kind=kind, unit=unit)
            blocks.append(Picture.of([panel], words, f"Reliability of {kind}."))
        table = inputs.tables[kind]
        if n := int((~chosen_at_random(table)).sum()):
            said = say("reliability.adaptive", kind=kind, n=n, of=len(table))
            blocks.append(Text(said, quiet=True))
        if found.missing:
            missing = say("reliability.missing", kind=kind, missing=found.missing)
            blocks.append(Text(missing, quiet=True))
    return section("reliability", *blocks) if blocks else None


def clusters_section(inputs: Inputs) -> Section:
    """Show the tree of the embedding's objects."""
    if (posterior := inputs.posterior) is None or (tree := inputs.tree) is None:
        return section("clusters", no_posterior())
    ids, stimuli = posterior.ids, inputs.pictured
    members = [", ".join(ids[row] for row in of) for of in tree.members]
    columns = {"distance": tree.links[:, 2], "support": tree.support, "members": members}
    images = thumbnails(stimuli, ids, 32)
    shown = picture(
        "clusters",
        lambda width: tree_chart(tree, ids, images=images, width=width),
        pd.DataFrame(columns),
        n=len(ids),
        sure=int((tree.support[:-1] >= 0.95).sum()),
        many=len(ids) > MOST_LEAVES,
        distance=inputs.distance,
    )
    return section("clusters", shown)


_FEWEST_KNOWN, _MOST_OBJECTS, _MOST_PEOPLE = 0.5, 400, 48
"""Share of the pairs that a map and a person's matrix need; objects and matrices at most."""


def observed_section(inputs: Inputs) -> Section | None:
    """Show what people say of pairs of objects, beside what the embedding says of them."""
    blocks: list[Block] = []
    for kind, table in inputs.tables.items():
        if kind not in inputs.reliable or "pairs" in inputs.reliable[kind].missing:
            continue
        seen = observed(table, kind)
        if 2 < len(seen.ids) <= _MOST_OBJECTS and not np.isnan(seen.mean).all():
            blocks += _observed(inputs, kind, seen)
    return section("observed", *blocks) if blocks else None


def model_dissimilarities(posterior: "Posterior", ids: tuple[str, ...]) -> Floats:
    """How far similarities lie below that of the most alike pair, (m, m); NaN of other objects."""
    place = {name: row for row, name in enumerate(posterior.ids)}
    rows = np.array([place.get(name, -1) for name in ids])
    similar = posterior.thinned().similarity()[np.ix_(rows, rows)].astype(np.float64)
    similar[rows < 0] = similar[:, rows < 0] = np.nan
    return np.nanmax(upper(similar)) - similar


def compare_observed(posterior: "Posterior", seen: Observed) -> pd.DataFrame:
    """Set what the embedding says of pairs against what people say, as :func:`shepard` does."""
    model = model_dissimilarities(posterior, seen.ids)[tuple(seen.pairs.T)]
    both = ~np.isnan(seen.mean + model)
    return shepard(seen.mean[both], model[both])


def leaf_order(matrix: Floats) -> list[int]:
    """Order of objects by which similar ones lie side by side; NaN counts as the mean."""
    filled = np.where(np.isnan(matrix), np.nanmean(upper(matrix)), matrix)
    return [int(row) for row in cluster_tree([filled]).members[-1]]


def _observed(inputs: Inputs, kind: JudgmentKind, seen: Observed) -> Iterator[Block]:
    """Matrices, Shepard diagram, maps and people's matrices of a kind of judgments."""
    ids, (i, j), posterior = seen.ids, seen.pairs.T, inputs.posterior
    parts = {"observed": seen.matrix(seen.mean)}
    if posterior is not None and inputs.tree and len({*posterior.ids} & {*ids}) > 2:
        parts["by the model"] = model_dissimilarities(posterior, ids)
    order = leaf_order(parts["observed"])
    if posterior is not None and inputs.tree and {*ids} <= {*posterior.ids}:
        members = inputs.tree.members[-1]
        order = [ids.index(name) for row in members if (name := posterior.ids[row]) in ids]
    side = np.ix_(order, order)
    matrices = {
        name: partial(
            draw_similarity,
            matrix=of[side],
            label="dissimilarity",
            names=[ids[row] for row in order],
        )
        for name, of in parts.items()
    }
    tall_names = 28 < len(ids) <= 60  # which fit into matrices one above the other
    numbers = {"item_a": [ids[row] for row in i], "item_b": [ids[row] for row in j]}
    numbers |= {name.replace(" ", "_"): of[i, j] for name, of in parts.items()}
    known = ~np.isnan(parts["observed"][i, j])
    all_pairs = len(ids) * (len(ids) - 1) // 2
    said = {"kind": kind, "model": len(parts) > 1, "n": len(ids), "people": len(seen.people)}

    def beside(width: float) -> "Figure":
        across = 1 if tall_names or width < WIDE else 2
        return panel_grid(matrices, width=width, across=across, tall=0.86)

    yield picture("observed", beside, pd.DataFrame(numbers), known=known.sum() / all_pairs, **said)
    if posterior is not None and len(parts) > 1:
        found = compare_observed(posterior, seen)
        rs = [found["observed"].corr(found["model"], of) for of in ("pearson", "spearman")]
        said_of = said | {"stress": stress(found), "rs": rs, "n": len(found)}
        yield picture("shepard", lambda width: shepard_chart(found, width=width), found, **said_of)
    if known.sum() >= _FEWEST_KNOWN * all_pairs:
        yield _maps(inputs, ids, parts["observed"], said)
    if kind != "choices":
        yield from _people(seen, inputs.reliable[kind], order, said)


def _people(
    seen: Observed, found: Reliability, order: list[int], said: dict[str, Any]
) -> Iterator[Picture]:
    """Matrices of the people who judged enough pairs, with their correlation with the others."""
    needed = _FEWEST_KNOWN * len(seen.ids) * (len(seen.ids) - 1) / 2
    rows = np.flatnonzero((~np.isnan(seen.values)).sum(axis=1) >= needed)
    agree = {name: found.people.get(name, (np.nan,))[0] for name in np.array(seen.people)[rows]}
    titles = [f"{name}: {number(r, 2)}" for name, r in agree.items()]
    each = [seen.matrix(seen.values[row])[np.ix_(order, order)] for row in rows[:_MOST_PEOPLE]]
    panels = {
        title.removesuffix(": nan"): partial(draw_similarity, matrix=of, bar=False)
        for title, of in zip(titles, each, strict=False)
    }

    def small(width: float) -> "Figure":
        return panel_grid(panels, width=width, across=6 if width == WIDE else 3, tall=1.15)

    if panels:
        numbers = pd.Series(agree, name="with_the_others").rename_axis("participant").reset_index()
        values = list(agree.values())
        yield picture("observed-people", small, numbers, shown=len(panels), values=values, **said)


def _maps(inputs: Inputs, ids: tuple[str, ...], matrix: Floats, said: dict[str, Any]) -> Picture:
    """Map of what people say, beside that of the embedding where it has all the objects."""
    layout, stimuli, posterior = inputs.layout, inputs.stimuli, inputs.posterior
    stimuli = stimuli if stimuli is not None and {*ids} <= {*stimuli.ids} else None
    maps, target = {}, None
    if posterior is not None and layout is not None and {*ids} <= {*posterior.ids}:
        rows = [posterior.ids.index(name) for name in ids]
        target = layout.positions[rows]
        none = np.zeros((len(rows), 2, 2))  # ellipses are in the map's own section
        maps["by the model"] = replace(layout, positions=target, covariances=none)
    own, loss = observed_layout(matrix, target)
    maps = {"observed": own} | maps
    shapes = [np.ptp(of.positions, axis=0) for of in maps.values()]
    tall = float(np.clip(max(up / across for across, up in shapes), 0.5, 1.0)) + 0.1
    level, categories = few_categories(category_labels(stimuli, ids)) or ("", None)
    images = thumbnails(stimuli if inputs.images else None, ids, 24)
    look: dict[str, Any] = {"categories": categories, "images": images, "names": ids}
    panels = {name: partial(draw_map, layout=of, **look) for name, of in maps.items()}
    places = {
        f"{axis}_{name.replace(' ', '_')}": of.positions[:, k]
        for name, of in maps.items()
        for k, axis in enumerate("xy")
    }
    return picture(
        "observed-map",
        lambda width: panel_grid(panels, width=width, across=2 if width == WIDE else 1, tall=tall),
        pd.DataFrame({"id": list(ids)} | places),
        stress=loss,
        level=level,
        **said | {"model": len(maps) > 1},
    )
