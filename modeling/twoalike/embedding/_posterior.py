"""A fitted embedding, posterior draws of objects' positions and of observers, and its file.

Choice probabilities and similarities are averaged over draws, coordinates never: the columns of
an embedding may be exchanged, and its draws differ by more than noise. ``posterior.nc`` holds
ArviZ's groups in netCDF-4, written all or nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from twoalike.choice import ANCHORED, OPTIONS, TRIPLET, ChoiceKind, Question, SetKind
from twoalike.embedding._observers import (
    LIKENESS,
    Draw,
    Weights,
    population,
    view_of_group,
    view_of_person,
)
from twoalike.embedding._posterior_file import GROUP_OF, JSON_ATTRS, read_tree, stacked, write_tree
from twoalike.embedding._priors import Kernel, find_kernel
from twoalike.embedding._terms import Term, find_term
from twoalike.study import Floats, Integers, TwoalikeError, counted, parse_json, visible

if TYPE_CHECKING:
    import xarray as xr

SURE = 2.0
"""Standard errors by which another similarity than the usual one, or weights by person, have to
predict better. Dot products have dimensions that can be read, and gain more from the final fit."""
TIED = 1e-6
"""Predicted probabilities closer than this are tied: they are averages of single precision."""

type PosteriorSource = Posterior | str | Path
"""A posterior, or its file."""


@dataclass(frozen=True)
class Verdict:
    """Whether a fit has converged, the same for all engines; None where its file does not tell.

    Attributes
    ----------
    predictions
        Whether chains predict alike, or two runs of ``vi``, each the average of all its fits:
        choice probabilities within 2 percentage points, and log-loss within .002 nats a judgment
        of all together. Means over draws may be used: predictions, similarities, labels of a
        teacher.
    intervals
        Whether chains mix as well: R-hat of 95 % of the choice probabilities and similarities at
        most 1.05, and 100 effective draws. Intervals and tests may be used.
    """

    predictions: bool | None
    intervals: bool | None

    def __str__(self) -> str:
        if self.predictions is None:
            return "convergence unknown"
        if not self.predictions:
            return "not converged: predictions are not stable"
        return f"predictions stable, intervals {'usable' if self.intervals else 'rough'}"


@dataclass(frozen=True)
class Posterior:
    """Posterior of an embedding of m objects in D dimensions, with S draws in all.

    Attributes
    ----------
    tree
        ArviZ groups: ``posterior`` (``embedding``, ``temperature``, ``lapse``, ...),
        ``sample_stats``, ``constant_data``; the file written by :meth:`save` holds the same.
    path
        File that it was read from, or that it was fitted to.
    """

    tree: "xr.DataTree"
    path: Path | None = None

    @classmethod
    def load(cls, path: str | Path) -> "Posterior":
        """Read ``posterior.nc``."""
        return cls(read_tree(Path(path)), Path(path))

    def save(self, path: str | Path) -> None:
        """Write ``posterior.nc``, all or nothing; plain ``arviz.from_netcdf`` reads it."""
        write_tree(Path(path), self.tree)

    def thinned(self, most: int = 200) -> "Posterior":
        """Return a posterior with at most about that many draws, evenly spaced."""
        sizes = self.tree["posterior"].sizes
        step = max(1, -(-sizes["chain"] * sizes["draw"] // most))
        tree = self.tree.copy()
        tree["posterior"] = self.tree["posterior"].isel(draw=slice(None, None, step))
        return Posterior(tree)

    def __repr__(self) -> str:
        facts = self._summary()
        plan = "".join(f"; {line}" for line in plan_lines(self.attrs))
        return f"<Posterior: {facts['draws']}, {facts['engine']}; {facts['convergence']}{plan}>"

    def _repr_html_(self) -> str:
        return html_of(self._summary())

    def _summary(self) -> dict[str, str]:
        attrs, sizes = self.attrs, self.tree["posterior"].sizes
        kept, people = attrs.get("dimensions", {}), len(self.participants)
        figures = attrs.get("convergence", {})
        rhat, apart = (figures.get(name) for name in ("choice_rhat_95", "fits_apart"))
        found = "" if rhat is None else f" (R-hat {rhat:.2f} in 95 % of the choice probabilities)"
        if attrs.get("engine") != "nuts" and apart is not None:
            found = f" (choice probabilities of fits differ by {apart:.1f} percentage points)"
        shares = ", ".join(f"{share:.0%}" for share in kept.get("importance", ())[:6])
        inputs = attrs.get("provenance", {}).get("inputs", {})
        facts = {
            "draws": f"{sizes['chain'] * sizes['draw']:,} draws of {sizes['object']:,} objects in "
            f"{counted(sizes['dimension'], 'dimension')}",
            "people": counted(people, "participant"),
            "likeness": ", ".join(f"{what} {name}" for what, name in self.likeness.items()),
            "engine": str(attrs.get("engine", "unknown engine"))
            + (f" (prior {attrs['prior']})" if "prior" in attrs else ""),
            "convergence": f"{self.verdict}{found}",
            "plan": "; ".join(plan_lines(attrs)),
            "similarity": str(attrs.get("similarity", "dot")),
            "dimensions": f"{kept['kept']} kept of {kept['fitted']}" if kept else "",
            "importance": f"{shares}{' ...' if len(kept.get('importance', ())) > 6 else ''}",
            "fitted to": ", ".join(f"{role} {one['file']}" for role, one in inputs.items()),
            "file": "" if self.path is None else str(self.path),
        }
        return {name: visible(value) for name, value in facts.items() if value}

    @property
    def verdict(self) -> "Verdict":
        """Whether the fit has converged, in two parts."""
        state = self.attrs.get("convergence", {})
        return Verdict(state.get("predictions"), state.get("intervals"))

    @property
    def ids(self) -> tuple[str, ...]:
        return self.labels("object")

    @property
    def participants(self) -> tuple[str, ...]:
        return self.labels("participant")

    @property
    def judged(self) -> Integers | None:
        """Numbers of the judgments of the fit (:func:`twoalike.judgments.judgment_codes`)."""
        known = self.tree.children.get("constant_data")
        return None if known is None or "codes" not in known else np.asarray(known["codes"].values)

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Model, engine, convergence and provenance."""
        return {
            str(name): parse_json(of, f"posterior: attribute {name}") if name in JSON_ATTRS else of
            for name, of in self.tree.attrs.items()
        }

    def drawn(self, name: str) -> Floats:
        """All draws of a variable, shape (S, ...)."""
        return np.asarray(stacked(self.tree["posterior"].dataset, name))

    def labels(self, axis: str) -> tuple[str, ...]:
        """Labels of an axis of the draws; none where the fit had nothing of the kind."""
        coords = self.tree["posterior"].dataset.coords
        return tuple(map(str, coords[axis].values)) if axis in coords else ()

    @cached_property
    def embedding(self) -> Floats:
        """All draws of all chains, shape (S, m, D), float32."""
        return np.asarray(stacked(self.tree["posterior"].dataset, "embedding", np.float32))

    @cached_property
    def temperature(self) -> Floats:
        """Temperature of each participant, shape (S, P); their geometric mean is 1."""
        return self.drawn("temperature")

    @cached_property
    def lapse(self) -> Floats:
        """Lapse rate of each participant, shape (S, P)."""
        return self.drawn("lapse")

    @cached_property
    def population(self) -> tuple[Floats, Floats]:
        """Mean lapse, and spread of log-temperatures, of new people, (S,) each."""
        return population(self.tree["posterior"].dataset)

    @cached_property
    def weights(self) -> Weights | None:
        """Weights of the dimensions by participant; None where people differ in noise only."""
        return Weights.of(self.tree["posterior"].dataset)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """What else moves a choice, as the setting ``terms=...`` of the fit named it."""
        return tuple(find_term(name, known) for name, known in self.attrs.get("terms", {}).items())

    @cached_property
    def _values(self) -> dict[str, Floats]:
        """Draws of what the terms have stored, (S, ...) each."""
        return {name: self.drawn(name) for term in self.terms for name in term.stored}

    @property
    def group_of(self) -> dict[str, str]:
        """Group of each participant; empty where there are no groups."""
        return dict(zip(self.participants, self.labels(GROUP_OF), strict=False))

    @property
    def likeness(self) -> dict[str, str]:
        """Whose embedding it is: of a ``group`` or ``participant``, its name; empty if of all."""
        attrs = self.tree.attrs
        return {what: str(attrs[what]) for what in LIKENESS if what in attrs}

    def for_person(self, name: str) -> "Posterior":
        """Give the posterior of one participant: the embedding as they weigh its dimensions.

        Its embedding is x sqrt(w). The participant keeps their temperature, relative to that of the
        others, and lapse rate.
        """
        return Posterior(view_of_person(self.tree, name))

    def for_group(self, name: str) -> "Posterior":
        """Give the posterior of a group: the embedding at the mean log weights of its population.

        Its participants are those of the group, and a new person is one of the group.
        """
        return Posterior(view_of_group(self.tree, name))

    @property
    def typical_lapse(self) -> Floats:
        """Mean lapse rate of the participants, shape (S,).

        The mean and not the median person: mixing over people whose lapses differ is, as far
        as guesses go, guessing at the mean rate.
        """
        return np.asarray(self.lapse.mean(axis=1))

    @property
    def kernel(self) -> Kernel:
        """What turns coordinates into similarities: everything here asks it."""
        return find_kernel(str(self.attrs.get("similarity", "dot")))

    def pair_similarity(self, left: Floats, right: Floats) -> Floats:
        return self.kernel.matrix(left, right)

    def similarity(self) -> Floats:
        """Mean over draws of the objects' similarities, shape (m, m)."""
        x = self.embedding
        total = np.zeros((x.shape[1], x.shape[1]))
        for draw in x:
            total += self.pair_similarity(draw, draw)
        return total / len(x)

    def choice_probabilities(
        self,
        triplets: Integers,
        mode: Literal["predictive", "plugin"] = "predictive",
        *,
        lapse: bool = False,
        participants: Integers | None = None,
        kind: ChoiceKind = "odd_one_out",
    ) -> Floats:
        """Probability that item 1, 2, 3 of each triplet is chosen: called the odd one.

        Parameters
        ----------
        triplets
            Object indices, shape (n, 3).
        mode
            ``predictive`` averages choice probabilities over the draws; ``plugin`` takes those
            of the mean similarities, as an embedding without uncertainty would.
        lapse
            Whether these are people's answers, guesses included; without it the probabilities
            are those of the embedding alone, which is what a teacher wants.
        participants
            Index of the participant who judges each triplet, shape (n,): their own lapse and
            temperature, and weights of the dimensions if people have any, are used. -1: somebody
            unknown, as are all if None. With ``lapse`` that is a new person, integrated over the
            population (weights only with ``predictive``); without it a typical observer, at
            temperature 1 and never guessing.
        kind
            ``anchored``: item 1 is the reference, and chosen is the more similar of the others.

        Returns
        -------
        Shape (n, 3), rows sum to one.
        """
        p = self.answers(triplets, QUESTIONS[kind], mode, lapse=lapse, participants=participants)
        return by_item(p)

    def choice_draws(
        self,
        triplets: Integers,
        *,
        lapse: bool = True,
        participants: Integers | None = None,
        kind: ChoiceKind = "odd_one_out",
    ) -> Floats:
        """Probability that item 1, 2, 3 of each triplet is chosen, under each draw, (S, n, 3).

        Adaptive designs choose by how far draws disagree; intervals are their quantiles. Arguments
        are those of :meth:`choice_probabilities`.
        """
        return by_item(self.answer_draws(triplets, QUESTIONS[kind], lapse, participants))

    def answers(
        self,
        items: Integers,
        question: Question,
        mode: Literal["predictive", "plugin"] = "predictive",
        *,
        lapse: bool = False,
        participants: Integers | None = None,
        told: Sequence[Any] = (),
    ) -> Floats:
        """Probability of each answer to a question about sets of items, (n, k), averaged: (n, A).

        Arguments are those of :meth:`choice_probabilities`; rows sum to one. ``told`` are arrays of
        the :attr:`terms`, which count only with them: of a table of choices, not of items alone.
        """
        items = check_indices(self, np.asarray(items), question.items, participants)
        total = np.zeros((len(items), len(question.answers)))
        plugin, every = mode == "plugin", range(len(self.embedding))
        for draw in [self._mean_draw()] if plugin else map(self.draw, every):
            total += draw.answers(items, question, participants, lapse=lapse, told=told)
        return total / total.sum(axis=1, keepdims=True)

    def answer_draws(
        self,
        items: Integers,
        question: Question,
        lapse: bool = True,
        participants: Integers | None = None,
    ) -> Floats:
        """Probability of each answer to a question under each draw, (S, n, A)."""
        items = check_indices(self, np.asarray(items), question.items, participants)
        shape = (len(self.embedding), len(items), len(question.answers))
        out = np.empty(shape, dtype=np.float32)
        for place in range(len(out)):
            out[place] = self.draw(place).answers(items, question, participants, lapse=lapse)
        return out

    def draw(self, place: int, dtype: Any = np.float32) -> Draw:
        """Give one of all draws, whose answers have the precision ``dtype``."""
        weights, (new_lapse, new_spread) = self.weights, self.population
        return Draw(
            embedding=self.embedding[place],
            kernel=self.kernel,
            temperature=self.temperature[place].astype(dtype),
            lapse=self.lapse[place].astype(dtype),
            roots=None if weights is None else weights.roots(place),
            new_lapse=float(new_lapse[place]),
            new_spread=float(new_spread[place]),
            new_roots=None if weights is None else partial(weights.new, place),
            terms=self.terms,
            values={name: of[place].astype(dtype) for name, of in self._values.items()},
            number=place,
        )

    def _mean_draw(self) -> Draw:
        """Give mean similarities, to mean observers: temperatures are averaged by logarithms."""
        new_lapse, new_spread = self.population
        return _MeanDraw(
            embedding=self.embedding[0],
            kernel=self.kernel,
            temperature=np.exp(np.log(self.temperature).mean(axis=0)),
            lapse=self.lapse.mean(axis=0),
            new_lapse=float(new_lapse.mean()),
            new_spread=float(new_spread.mean()),
            terms=self.terms,
            values={name: of.mean(axis=0) for name, of in self._values.items()},
            posterior=self,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class _MeanDraw(Draw):
    """What an embedding without uncertainty would answer, by similarities averaged over draws."""

    posterior: Posterior

    @cached_property
    def matrix(self) -> Floats:
        return self.posterior.similarity()

    def pairs(
        self, items: Integers, question: Question, judges: Integers | None = None, total: int = 0
    ) -> tuple[Any, ...]:
        """Average over draws the similarities to the judges, if these weigh dimensions."""
        if self.posterior.weights is None or judges is None:
            return self.kernel.pairs(self.embedding, items, question.pairs, matrix=self.matrix)
        draws = map(self.posterior.draw, range(len(self.posterior.embedding)))
        each = (np.stack(draw.pairs(items, question, judges), dtype=np.float64) for draw in draws)
        return tuple(np.asarray(sum(each)) / len(self.posterior.embedding))


QUESTIONS: Mapping[ChoiceKind, Question] = {"odd_one_out": TRIPLET, "anchored": ANCHORED}
"""What is asked about a triplet, by the kind of choice."""


def fitted_kinds(posterior: Posterior) -> list[ChoiceKind]:
    """Kinds of the triplets that a posterior was fitted to, odd-one-out ones where not recorded."""
    asked = _asked(posterior)
    kinds: list[ChoiceKind] = [kind for kind in OPTIONS if f"{kind}_3" in asked]
    return kinds or ["odd_one_out"]


def _asked(posterior: Posterior) -> dict[str, int]:
    """How many choices of the fit answer each question, such as ``anchored_3``."""
    return dict(posterior.attrs.get("questions", {}).get("choices", {}))


def usual_question(
    posterior: Posterior, kind: SetKind | None = None, items: int | None = None
) -> Question:
    """Question that most choices of the fit answer, of this kind and number of items where named.

    Without such choices, or a record of them, the odd one of three items.
    """
    of = [(n, name[:-2], int(name[-1])) for name, n in _asked(posterior).items()]
    of = [one for one in of if one[1] == (kind or one[1]) and one[2] == (items or one[2])]
    _, what, k = max(of, default=(0, kind or fitted_kinds(posterior)[0], items or 3))
    return Question(cast("SetKind", what), k)


def by_item(p: Floats) -> Floats:
    """Probabilities of items 1, 2, 3: 0 of a reference, which is no answer."""
    return p if p.shape[-1] == 3 else np.concatenate([np.zeros_like(p[..., :1]), p], axis=-1)


def check_indices(
    posterior: Posterior, items: Integers, k: int, participants: Integers | None
) -> Integers:
    """Check sets of k objects; numpy would take negative indices, and broadcast shapes.

    Returns them as integers whose products do not overflow.
    """
    n, m, people = len(items), posterior.embedding.shape[1], posterior.lapse.shape[1]
    where = "triplets" if k == 3 else "items"
    if items.ndim != 2 or items.shape[1] != k:
        raise TwoalikeError(where=where, expected=f"shape (n, {k})", found=f"shape {items.shape}")
    if n and (items.min() < 0 or items.max() >= m):
        raise TwoalikeError(
            where=where,
            expected=f"indices of {m} objects, from 0 to {m - 1}",
            found=f"{items.min()} to {items.max()}",
        )
    if participants is not None and (
        np.shape(participants) != (n,) or np.max(participants, initial=-1) >= people
    ):
        raise TwoalikeError(
            where="participants",
            expected=f"one index a row of {where}, shape ({n},), below {people}",
            found=f"shape {np.shape(participants)}, at most {np.max(participants, initial=-1)}",
        )
    return items.astype(np.int64)


def as_posterior(
    source: PosteriorSource, group: str | None = None, participant: str | None = None
) -> Posterior:
    """Read a posterior, where its file is given; of a group or participant, where one is named."""
    if group is not None and participant is not None:
        raise TwoalikeError(expected="`group=...` or `participant=...`", found="both")
    posterior = source if isinstance(source, Posterior) else Posterior.load(source)
    if group is not None:
        return posterior.for_group(group)
    return posterior if participant is None else posterior.for_person(participant)


def html_of(facts: Mapping[str, str]) -> str:
    """Table of facts by name, for a notebook."""
    import pandas as pd

    with pd.option_context("display.max_colwidth", None):
        return str(pd.Series(facts).to_frame().to_html(header=False, border=0))


def plan_lines(attrs: Mapping[str, Any]) -> list[str]:
    """Say what a fit does and why, from attributes of the posterior.

    The pilot's findings and advice, if there was one, then the engine and how long it takes.
    """
    pilot, said = attrs.get("pilot"), []
    if pilot:
        said.append(_tried_line(pilot))
        tried = pilot.get("weights")
        if tried is not None and tried["gain"] > SURE * tried["gain_se"]:
            said.append(
                "note: weights of the dimensions by person predict held-out judgments better by "
                f"{tried['gain']:.4f} ± {tried['gain_se']:.4f} nats: fit with `people=weights`"
            )
    said += [f"note: {line}" for line in source_advice(attrs) + term_advice(attrs)]
    if "engine_reason" in attrs:
        on = f" (on a {attrs['device']})" if "device" in attrs else ""
        said.append(f"engine {attrs['engine']}: {attrs['engine_reason']}{on}")
    return said


LEAST_GAIN = 0.0005
"""Nats a judgment below which a term is not worth its mention."""


def source_advice(attrs: Mapping[str, Any]) -> list[str]:
    """Say what sources did to people's held-out judgments, and whether they are fitted."""
    if (tried := (attrs.get("pilot") or {}).get("sources")) is None:
        return []
    how, then = ("better", "fitted") if tried["fitted"] else ("worse", "left out")
    return [
        f"with sources people's held-out judgments are predicted {how} by {abs(tried['gain']):.4f} "
        f"± {tried['gain_se']:.4f} nats: they are {then}"
    ]


def term_advice(attrs: Mapping[str, Any]) -> list[str]:
    """Say which terms the pilot is sure would help, of those that the fit does not have."""

    def parts(name: str) -> set[tuple[str, str]]:
        target, _, columns = name.partition("~")
        return {(target.strip(), one.strip()) for one in columns.split("+")}

    gains = (attrs.get("pilot") or {}).get("terms", {})
    there = list(attrs.get("terms", {}))
    known = set[tuple[str, str]]().union(*map(parts, there))
    sure = {
        name: f"{name} {of['gain']:.4f} ± {of['gain_se']:.4f}"
        for name, of in sorted(gains.items(), key=lambda item: -item[1]["gain"])
        if not parts(name) <= known and of["gain"] > max(SURE * of["gain_se"], LEAST_GAIN)
    }
    if not sure:
        return []
    return [
        "what else moves a choice predicts held-out judgments better, each by itself in nats: "
        f"{', '.join(sure.values())}. Fit with `terms='{', '.join([*there, *sure])}'`."
    ]


def _tried_line(pilot: Mapping[str, Any]) -> str:
    named = {"dot": "dot product", "distance": "distance"}
    (taken,) = [trial for trial in pilot["tried"] if trial["similarity"] == pilot["taken"]]
    whose = " with weights by person" if pilot.get("people") == "weights" else ""
    said = f"pilot: {named[taken['similarity']]}{whose}, {taken['dimensions']} of "
    said += f"{pilot['offered']} dimensions carry weight"
    for other in pilot["tried"]:
        gap = other["minus_taken"]
        if other is not taken:
            said += (
                f"; {named[other['similarity']]} is {abs(gap):.4f} ± {other['minus_taken_se']:.4f} "
                f"nats {'worse' if gap >= 0 else 'better, too little to be sure,'} "
                f"on {pilot['judgments']:,} held-out judgments"
            )
    return said
