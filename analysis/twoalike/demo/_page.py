"""The page ``you.html``: what a few dozen choices say about the person who made them.

Every figure is a share of counted trials or an average over posterior draws, and comes with its own
uncertainty. The blocks and the template are the report's.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from twoalike.ceilings import repeated_answers
from twoalike.choice import PAIRS, expected_accuracy
from twoalike.embedding import Posterior, kept_together, pair_odds, predict_choices
from twoalike.evaluation import Judgments, wilson_interval
from twoalike.figures import NARROW, WIDE, MapLayout, embedding_map, map_layout, to_png
from twoalike.judgments import object_index, read_judgments
from twoalike.report import (
    Caution,
    Fact,
    Gallery,
    Page,
    Picture,
    Row,
    Section,
    Text,
    Tile,
    Verbatim,
    image_uri,
    percent,
    render,
    thumbnails,
)
from twoalike.stimuli import ATTRIBUTION, MANIFEST, StimulusSet
from twoalike.study import Floats, Integers, Study, atomic_path, counted, provenance, write_json
from twoalike.tables import JUDGED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_GROUPS = 3
GUESSING = 1 / 3
_MOST_DRAWS = 400
_MOST_COLOURS = 5
_CREDIT = "Images: OpenMoji, CC BY-SA 4.0"


class Share(NamedTuple):
    """``hits`` of ``n`` trials."""

    hits: float
    n: int

    @property
    def interval(self) -> str:
        low, high = wilson_interval(self.hits, self.n)
        return f"{percent(float(low))} to {percent(float(high))}"

    def __str__(self) -> str:
        hits = f"{self.hits:.1f}".removesuffix(".0")
        share = percent(self.hits / self.n)
        return f"{hits} of {self.n} ({share}, 95 % interval {self.interval})"


def kept_by_draw(draws: Floats) -> Floats:
    """How often two objects are kept and a third called odd, mean over third objects.

    From embeddings, shape (S, m, D), to (S, m, m), with ones on the diagonal; 1/3 is no
    preference.
    """
    everything = slice(0, draws.shape[1])
    return np.array([kept_together(pair_odds(x @ x.T), everything) for x in draws], np.float64)


def to_coordinates(together: Floats) -> Floats:
    """Coordinates whose distances are one minus how often two objects are kept together.

    Classical scaling of each draw; what a Euclidean space cannot hold is left out. Coordinates
    of the embedding itself would put objects that are hardly known next to each other, at its
    origin; here they are as far apart as no preference says. Shape (S, m, m - 1).
    """
    m = together.shape[1]
    centre = np.eye(m) - 1 / m
    values, vectors = np.linalg.eigh(-0.5 * centre @ (1 - together) ** 2 @ centre)
    coordinates: Floats = (vectors * np.sqrt(np.maximum(values, 0))[:, None, :])[:, :, :0:-1]
    return coordinates


@dataclass(frozen=True)
class Result:
    title: str
    stimuli: StimulusSet
    categories: pd.DataFrame  # of each of the m objects, by id, one column a level, coarse to fine
    together: Floats  # how often two objects are kept together, (m, m)
    layout: MapLayout
    triplets: Integers  # objects of all n trials in the order shown, shape (n, 3)
    chosen: Integers  # place of the odd one called, shape (n,)
    predicted: (
        Share  # of triplets shown once, by the map without them; ties count 1 / (number tied)
    )
    response_time: float  # median, s; NaN if none was recorded
    converged: bool
    simulated: bool
    made_from: dict[str, Any]  # provenance

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.categories.index)

    @property
    def level(self) -> str | None:
        """The finest level with few enough categories to tell colours apart."""
        many = self.categories.nunique()
        levels = many.index[(many > 1) & (many <= _MOST_COLOURS)]
        return str(levels[-1]) if len(levels) else None

    @property
    def credited(self) -> bool:
        """Whether the images are OpenMoji's, to be credited wherever they are shown."""
        return (self.stimuli.folder / ATTRIBUTION).is_file()

    @cached_property
    def repeats(self) -> Share:
        nobody = np.zeros_like(self.chosen)
        same = repeated_answers(Judgments(self.triplets, self.chosen, nobody, ()))[1]
        return Share(float(same.sum()), len(same))

    @cached_property
    def groups(self) -> list[tuple[tuple[int, ...], float]]:
        """Groups of objects (complete linkage), and how often two of one are kept together.

        Those kept most come first, lone objects last.
        """
        from scipy.cluster.hierarchy import fcluster, linkage

        distances = 1 - self.together[np.triu_indices(len(self.together), 1)]
        tree = linkage(np.maximum(distances, 0), method="complete")
        labels = fcluster(tree, N_GROUPS, criterion="maxclust")
        groups = []
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            pairs = self.together[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)]
            groups.append((tuple(rows.tolist()), float(pairs.mean()) if len(pairs) else 1.0))
        return sorted(groups, key=lambda group: (len(group[0]) == 1, -group[1], group[0]))

    def as_dict(self) -> dict[str, Any]:
        return {
            **self.made_from,
            "objects": list(self.ids),
            "trials": len(self.chosen),
            "response_time_s": self.response_time if np.isfinite(self.response_time) else None,
            "same_on_repeat": self.repeats._asdict(),
            "predicted_without_the_triplet": self.predicted._asdict(),
            "groups": [
                {"objects": [self.ids[row] for row in rows], "together": together}
                for rows, together in self.groups
            ],
            "positions": dict(zip(self.ids, self.layout.positions.tolist(), strict=True)),
            "converged": self.converged,
            "simulated": self.simulated,
        }


def read_result(study: Study, *, seed: int, simulated: bool) -> Result:
    posterior = Posterior.load(study.posterior)
    stimuli = StimulusSet.load(study.stimuli)
    choices = read_judgments(study.choices)
    choices = choices[choices["trial_type"].isin(JUDGED)].reset_index(drop=True)
    triplets, chosen, ids = object_index(choices, posterior.ids)
    step = max(1, -(-len(posterior.embedding) // _MOST_DRAWS))
    draws = posterior.embedding[::step]
    together = kept_by_draw(draws)
    again = pd.DataFrame(np.sort(triplets, axis=1)).duplicated(keep=False).to_numpy()
    guesses = predict_choices(posterior, choices)
    hits = expected_accuracy(guesses.probabilities, guesses.chosen)[~again[guesses.rows]]
    files = {"choices": study.choices, "posterior": study.posterior}
    files["manifest"] = study.stimuli / MANIFEST
    return Result(
        title=study.config.title,
        stimuli=stimuli,
        categories=stimuli.table.set_index("id").loc[list(ids), list(stimuli.levels)],
        together=together.mean(axis=0),
        layout=map_layout(to_coordinates(together)),
        triplets=triplets,
        chosen=chosen,
        predicted=Share(float(hits.sum()), len(hits)),
        response_time=float(np.nanmedian(choices["response_time"].to_numpy(dtype=float))),
        converged=bool(posterior.verdict.predictions),
        simulated=simulated,
        made_from=provenance("yourself", seed=seed, inputs=files, config={"draws": len(draws)}),
    )


def write_page(root: Path, result: Result) -> Path:
    """Write ``you.png``, ``you.json`` and ``you.html`` into ``root``, each all or nothing."""
    write_json(root / "you.json", result.as_dict())
    with atomic_path(root / "you.png") as temporary:
        temporary.write_bytes(to_png(_draw_map(result, WIDE, titled=True)))
    page = root / "you.html"
    with atomic_path(page) as temporary:
        temporary.write_text(render(build_page(result)), encoding="utf-8")
    return page


def build_page(result: Result) -> Page:
    n = counted(len(result.chosen), "choice")
    return Page(
        title=result.title,
        subtitle=f"{n} among {len(result.ids)} objects · twoalike {version('twoalike')}",
        facts=_facts(result),
        findings=_findings(result),
        cautions=_cautions(result),
        sections=[_map(result), _groups(result), _about(result)],
    )


def _facts(result: Result) -> list[Fact]:
    repeats = result.repeats
    facts = [Fact(str(len(result.chosen)), "choices")]
    if np.isfinite(result.response_time):
        facts.append(Fact(f"{result.response_time:.1f}\N{NO-BREAK SPACE}s", "for a typical choice"))
    if repeats.n:
        facts.append(Fact(f"{repeats.hits:.0f} of {repeats.n}", "repeated triplets, same odd"))
    return facts


def _findings(result: Result) -> list[str]:
    repeats, sentences = result.repeats, []
    rows, together = result.groups[0]
    if len(rows) > 1:
        sentences.append(
            f"Kept together most: {_listed([result.ids[row] for row in rows])}. Beside any third "
            f"object, two of them are kept in {percent(together)} (without preference: 33 %)."
        )
    if repeats.n:
        kindly = (
            " That happens to everybody where two answers are about equally good. It is not wrong; "
            "it makes the map less sure."
        )
        sentences.append(
            f"Of {counted(repeats.n, 'triplet')} shown twice, {repeats.hits:.0f} got the same odd "
            f"one both times.{kindly if 2 * repeats.hits <= repeats.n else ''}"
        )
    verdict = "not clearly more than guessing (33 %), so a new choice is hardly predictable yet."
    if wilson_interval(*result.predicted)[0] > GUESSING:
        verdict = "more than guessing, so the choices are predictable from each other."
    said = "Of triplets shown once, a map fitted without them names the odd one in"
    return [*sentences, f"{said} {result.predicted}: {verdict}"]


def _cautions(result: Result) -> list[Caution]:
    counts = np.zeros((len(result.ids), len(result.ids)), dtype=np.int64)
    for a, b in PAIRS:
        np.add.at(counts, (result.triplets[:, a], result.triplets[:, b]), 1)
    pairs = (counts + counts.T)[np.triu_indices(len(counts), 1)]
    shown = pairs[pairs > 0]
    cautions = [
        f"{counted(len(result.chosen), 'choice')} are few: {len(shown)} of the {len(pairs)} pairs "
        f"were on the screen, half of these {counted(int(np.median(shown)), 'time')} at most. A "
        "study asks ten times as much.",
        "Where two ellipses overlap, the map does not know which object is nearer. The directions "
        "of the map mean nothing, only its distances do.",
        f"It knows these {len(result.ids)} objects in each other's company. Among others the same "
        "things would lie differently.",
    ]
    if result.simulated:
        cautions.insert(0, "The answers are a simulated person's, made from the categories.")
    if not result.converged:
        cautions.insert(
            0,
            "The fit has not converged, however long it ran; the answers are not to blame. The map "
            "is a sketch: another fit may place the objects differently.",
        )
    return list(map(Caution, cautions))


def _map(result: Result) -> Section:
    by = f", coloured by {result.level}" if result.level else ""
    caption = (
        "Distance: how rarely two objects are kept when a third of these is with them, mean "
        f"over the posterior{by}. Ellipse: where half of the posterior puts the object. The "
        f"distances on the flat map and the unflattened ones correlate {result.layout.fit:.2f}. "
        "Images that would hide one another are moved apart."
    )
    alt = f"Map of {counted(len(result.ids), 'object')}{by}, with an ellipse of uncertainty each."
    picture = Picture.draw(lambda width: _draw_map(result, width), alt=alt, caption=caption)
    lead = "What was kept together lies close together, as far as the answers tell."
    return Section("map", "The map", lead, [picture])


def _draw_map(result: Result, width: float, *, titled: bool = False) -> "Figure":
    """Map of the objects; ``titled`` where it will be seen without the page."""
    figure = embedding_map(
        result.layout,
        categories=list(result.categories[result.level]) if result.level else None,
        images=thumbnails(result.stimuli, result.ids, 160 if width > NARROW else 112),
        width=width,
        spread=True,
    )
    if titled:
        title = (
            f"{result.title}, from {counted(len(result.chosen), 'choice')}: what was kept together "
            "lies close.\nAn ellipse holds half of the places where its object may belong. "
            + (f"{_CREDIT}." if result.credited else "")
        )
        figure.supxlabel(title, x=0.01, ha="left", fontsize=7.5)
    return figure


def _tiles(result: Result, rows: "tuple[int, ...] | Integers") -> list[Tile]:
    names = [result.ids[row] for row in rows]
    return [Tile(name, image_uri(result.stimuli.picture(name)), _plain(name)) for name in names]


def _groups(result: Result) -> Section:
    rows = []
    for number, (members, together) in enumerate(result.groups, start=1):
        note = f"two of them are kept in {percent(together)}"
        if together <= GUESSING:
            note += ", no more than without preference: what is left over"
        note = note if len(members) > 1 else "by itself"
        rows.append(Row(f"Group {number}", note, _tiles(result, members)))
    caption = (
        "Clusters by how often two objects are kept beside any third of these, mean over the "
        "posterior. Without preference: 33 %."
    )
    lead = f"The {len(rows)} groups that the choices keep together."
    return Section("groups", "What belongs together", lead, [Gallery(caption, rows)])


def _about(result: Result) -> Section:
    text = (
        "A Bayesian embedding of the objects shown, fitted to these choices alone (a softmax over "
        "the similarities of the pairs, mixed with guessing). Similarities, groups and predictions "
        "are averages over posterior draws; the prediction of a triplet weighs the draws as if "
        "its own answers had not been given."
    )
    if result.credited:
        text += (
            " All emojis designed by OpenMoji, the open-source emoji and icon project "
            "(openmoji.org). Licence: CC BY-SA 4.0."
        )
    made = Verbatim("Where this comes from", json.dumps(result.made_from, indent=2))
    return Section("about", "How it was made", "", [Text(text), made])


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _listed(names: list[str]) -> str:
    *most, last = map(_plain, names)
    return f"{', '.join(most)} and {last}" if most else last
