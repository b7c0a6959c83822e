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
    Row,
    Section,
    Text,
    Tile,
    Verbatim,
    image_uri,
    percent,
    picture,
    render,
    say,
    section,
    thumbnails,
)
from twoalike.stimuli import ATTRIBUTION, MANIFEST, StimulusSet
from twoalike.study import Floats, Integers, Study, atomic_path, provenance, write_json
from twoalike.tables import JUDGED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_GROUPS = 3
GUESSING = 1 / 3
_MOST_DRAWS = 400
_MOST_COLOURS = 5


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
    counts = {"n": len(result.chosen), "m": len(result.ids), "version": version("twoalike")}
    return Page(
        title=result.title,
        subtitle=say("you.subtitle", **counts),
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
    sentences, (rows, together) = list[str](), result.groups[0]
    if len(rows) > 1:
        names = _listed([result.ids[row] for row in rows])
        sentences.append(say("you.kept", names=names, together=together))
    if result.repeats.n:
        sentences.append(say("you.repeats", of=result.repeats))
    sure = wilson_interval(*result.predicted)[0] > GUESSING
    return [*sentences, say("you.predicted", of=result.predicted, sure=sure)]


def _cautions(result: Result) -> list[Caution]:
    counts = np.zeros((len(result.ids), len(result.ids)), dtype=np.int64)
    for a, b in PAIRS:
        np.add.at(counts, (result.triplets[:, a], result.triplets[:, b]), 1)
    pairs = (counts + counts.T)[np.triu_indices(len(counts), 1)]
    shown = pairs[pairs > 0]
    numbers = {"shown": len(shown), "pairs": len(pairs), "most": int(np.median(shown))}
    numbers |= {"n": len(result.chosen), "m": len(result.ids)}
    there = {"not_converged": not result.converged, "simulated": result.simulated}
    named = [*(name for name, is_so in there.items() if is_so), "few", "overlap", "company"]
    return [Caution(say(f"you-cautions.{name}", **numbers)) for name in named]


def _map(result: Result) -> Section:
    by = f", coloured by {result.level}" if result.level else ""
    values: dict[str, Any] = {"m": len(result.ids), "by": by, "fit": result.layout.fit}
    drawn = picture("you-map", lambda width: _draw_map(result, width), **values)
    return section("you-map", drawn)._replace(anchor="map")


def _draw_map(result: Result, width: float, *, titled: bool = False) -> "Figure":
    """Map of the objects; ``titled`` where it will be seen without the page."""
    figure = embedding_map(
        result.layout,
        categories=list(result.categories[result.level]) if result.level else None,
        images=thumbnails(result.stimuli, result.ids, 160 if width > NARROW else 112),
        width=width,
    )
    if titled:
        said = {"n": len(result.chosen), "credited": result.credited}
        title = say("you.png", title=result.title, **said).replace("close. ", "close.\n")
        figure.supxlabel(title, x=0.01, ha="left", fontsize=7.5)
    return figure


def _tiles(result: Result, rows: "tuple[int, ...] | Integers") -> list[Tile]:
    names = [result.ids[row] for row in rows]
    return [Tile(name, image_uri(result.stimuli.picture(name)), _plain(name)) for name in names]


def _groups(result: Result) -> Section:
    rows = []
    for number, (members, together) in enumerate(result.groups, start=1):
        about = {"alone": len(members) == 1, "together": together, "guessing": GUESSING}
        note = say("you.group", **about)
        rows.append(Row(f"Group {number}", note, _tiles(result, members)))
    gallery = Gallery(say("you-groups.caption"), rows)
    return section("you-groups", gallery, n=len(rows))._replace(anchor="groups")


def _about(result: Result) -> Section:
    text = Text(say("you-about.text", credited=result.credited))
    made = Verbatim("Where this comes from", json.dumps(result.made_from, indent=2))
    return section("you-about", text, made)._replace(anchor="about")


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _listed(names: list[str]) -> str:
    *most, last = map(_plain, names)
    return f"{', '.join(most)} and {last}" if most else last
