"""The PyMC model: the one definition of the posterior, for both engines.

Lapses are partially pooled; log-temperatures sum to zero, since a common factor trades against
the scale of the embedding and the data cannot separate the two. Both may depend on covariates.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding._choices import Choices
from twoalike.embedding._dissimilarities import Dissimilarities
from twoalike.embedding._kind import Group, Kind, Unknown
from twoalike.embedding._layouts import Layouts
from twoalike.embedding._people import Covariates, Groups, add_weights
from twoalike.embedding._posterior_file import VARIABLES
from twoalike.embedding._priors import Part, Prior, find_kernel, find_part, find_prior
from twoalike.embedding._ratings import Ratings
from twoalike.embedding._sortings import Sortings
from twoalike.embedding._sources import Sources, some_answers
from twoalike.embedding._terms import Term, find_term
from twoalike.judgments import JudgmentKind
from twoalike.study import Floats, TwoalikeError

KINDS: Mapping[JudgmentKind, type[Kind[Any]]] = {
    kind.kind: kind for kind in (Choices, Layouts, Dissimilarities, Ratings, Sortings, Sources)
}
"""Kinds of judgments, in the order in which they enter the model."""
ITEM = {"choices": "item_1", "sources": "item_1", "dissimilarities": "item_a", "ratings": "item_a"}
"""Column whose categories are the objects of a table, where it is not ``item``."""


@dataclass(frozen=True)
class Data:
    """Judgments as indices.

    ``participants`` are those who chose, and with :meth:`everybody` all others too; without choices
    there is one, ``unknown``, about whom nothing is known. ``people`` are their groups, and
    ``covariates`` their covariates, if there are any.
    """

    ids: tuple[str, ...]
    participants: tuple[str, ...]
    kinds: tuple[Kind[Any], ...]
    people: Groups | None = None
    covariates: Covariates | None = None

    @classmethod
    def from_tables(
        cls,
        tables: Mapping[JudgmentKind, pd.DataFrame | None],
        terms: Sequence[str] = (),
        hyperparameters: Sequence[str] = (),
    ) -> "Data":
        """Index judgments of all kinds, over the objects of any table; choices with terms."""
        found = {kind: table for kind in KINDS if (table := tables.get(kind)) is not None}
        if "sources" in found:
            judged = sum(len(table) for kind, table in found.items() if KINDS[kind].of_people)
            found["sources"] = some_answers(found["sources"], judged)
        listed = [table[ITEM.get(kind, "item")].cat.categories for kind, table in found.items()]
        ids = merged_order(*(map(str, names) for names in listed))
        kinds = tuple(KINDS[kind].from_table(table, ids) for kind, table in found.items())
        chose = [kind.people for kind in kinds if isinstance(kind, Choices)]
        data = cls(ids, chose[0] if chose else ("unknown",), kinds)
        data = data.with_hyperparameters(hyperparameters)
        if not terms:
            return data
        if "choices" not in found:
            raise TwoalikeError("`terms=...`: of choices only, found none", remedy="Leave it out.")
        learnt = (find_term(name).learn(data.choices.groups, found["choices"]) for name in terms)
        return data.with_choices(data.choices.with_terms(found["choices"], learnt))

    @property
    def choices(self) -> Choices:
        """Choices; without any, an empty table of them."""
        found = [kind for kind in self.kinds if isinstance(kind, Choices)]
        return found[0] if found else Choices(groups=(), people=(), ids=self.ids)

    @property
    def answered(self) -> bool:
        """Whether sources answered too."""
        return not all(kind.of_people for kind in self.kinds)

    def of_people(self) -> "Data":
        """Leave sources out."""
        return replace(self, kinds=tuple(kind for kind in self.kinds if kind.of_people))

    @property
    def size(self) -> int:
        """Judgments, objects placed or sorted, and pairs with a dissimilarity or rating."""
        return sum(kind.size for kind in self.kinds)

    @property
    def groups(self) -> tuple[Group, ...]:
        return tuple(group for kind in self.kinds for group in kind.groups)

    @property
    def likelihoods(self) -> list[str]:
        """Names of the potentials of :attr:`groups` in the model."""
        return [name for kind in self.kinds for name in kind.likelihoods]

    def with_hyperparameters(self, numbers: Sequence[str]) -> "Data":
        """Take other numbers for the priors of kinds, such as ``ratings.noise.typical=0.3``."""
        kinds: dict[str, Kind[Any]] = {kind.kind: kind for kind in self.kinds}
        known = {
            f"{kind}.{name}": number
            for kind, of in kinds.items()
            for name, number in of.hyperparameters.items()
        }
        for said in numbers:
            name, _, number = map(str.strip, said.partition("="))
            kind, _, own = name.partition(".")
            try:
                value = float(number)
            except ValueError:
                value = -np.inf
            if name not in known or not (0 < value < np.inf or value == known[name]):
                there = ", ".join(f"{one}={usual:g}" for one, usual in known.items())
                raise TwoalikeError(
                    where="`hyperparameters=...`",
                    expected=f"positive numbers by name ({there or 'choices have none'})",
                    found=repr(said),
                )
            kinds[kind] = kinds[kind].with_hyperparameter(own, value)
        return replace(self, kinds=tuple(kinds.values()))

    def with_choices(self, choices: Choices) -> "Data":
        kinds = (choices if isinstance(kind, Choices) else kind for kind in self.kinds)
        return replace(self, kinds=tuple(kinds))

    def take(self, places: Any, *, others: bool = True) -> "Data":
        """Take some of the choices, and all other judgments or none."""
        found = self.with_choices(self.choices.take(places))
        return found if others else replace(found, kinds=(found.choices,))

    def everybody(self) -> "Data":
        """Add whoever gave other judgments to the participants, after who chose.

        Groups and covariates are kept only if nobody is added.
        """
        names = tuple(dict.fromkeys(person for kind in self.kinds for person in kind.people))
        if names == self.participants:
            return self
        return replace(self, participants=names, people=None, covariates=None)


def merged_order(*lists: Iterable[str]) -> tuple[str, ...]:
    """Names of all lists, in an order that keeps that of each where they do not contradict.

    Two tasks of a study show parts of its manifest, whose order is the order everywhere.
    """
    merged: list[str] = []
    for names in lists:
        known, place = set(merged), 0
        for name in names:
            if name in known:
                place = merged.index(name) + 1
            else:
                merged.insert(place, name)
                place += 1
    return tuple(merged)


@dataclass(frozen=True, kw_only=True)
class Observers(Part):
    """How people differ: subclass it, usually as a frozen dataclass.

    Names of its variables begin with ``temperature`` or ``lapse``, by which fits know them. Where
    there are a ``temperature_spread`` (of log-temperatures), and a ``lapse_location`` and
    ``lapse_spread`` (of logits), new people are drawn by them; else they vary as participants do.

    Attributes
    ----------
    weight_spread
        Scale of the half-normal priors of how far log weights of people, and of groups, differ.
    slope
        Standard deviation of the normal priors of slopes: of log weights, log-temperatures and
        logits of the lapse, a standard deviation of the covariate.
    """

    weight_spread: float = 0.5
    slope: float = 0.5

    @abstractmethod
    def add(self, participants: tuple[str, ...], covariates: pd.DataFrame) -> tuple[Any, Any]:
        """Add observers to the open PyMC model: temperature and lapse of each, symbolic, (P,).

        ``covariates`` are standardised over people, P rows and a column each, without covariates
        none. Log-temperatures have a fixed mean, since a common factor only changes the scale of
        the embedding.
        """


@dataclass(frozen=True, kw_only=True)
class PooledObservers(Observers):
    """Partially pooled observers, whose log-temperatures sum to zero.

    Attributes
    ----------
    lapse_location, lapse_location_sd
        Mean and standard deviation of the normal prior of the mean logit of lapses.
    lapse_spread, temperature_spread
        Scales of the half-normal priors of the spread of logits, and of log-temperatures.
    alone_location, alone_location_sd
        Of the logit of the lapse of a single person, whose temperature is the scale of the
        embedding: a wide prior would let guesses and that scale grow together.
    """

    lapse_location: float = -2.5
    lapse_location_sd: float = 1.0
    lapse_spread: float = 1.0
    temperature_spread: float = 0.5
    alone_location: float = -3.0
    alone_location_sd: float = 0.5

    name = "pooled"

    def add(self, participants: tuple[str, ...], covariates: pd.DataFrame) -> tuple[Any, Any]:
        import pymc as pm
        import pytensor.tensor as pt

        if len(participants) == 1:
            alone = pm.Normal("lapse_location", self.alone_location, self.alone_location_sd)
            return pt.ones(1), pm.math.sigmoid(alone)[None]
        location = pm.Normal("lapse_location", self.lapse_location, self.lapse_location_sd)
        spread = pm.HalfNormal("lapse_spread", self.lapse_spread)
        logit = location + spread * pm.Normal("lapse_offset", 0.0, 1.0, dims="participant")
        sd = pm.HalfNormal("temperature_spread", self.temperature_spread)
        log_temperature = pm.ZeroSumNormal("log_temperature", sd, dims="participant")
        if covariates.shape[1]:
            z = covariates.to_numpy()
            logit = logit + z @ pm.Normal("lapse_slope", 0.0, self.slope, dims="covariate")
            slope = pm.Normal("temperature_slope", 0.0, self.slope, dims="covariate")
            log_temperature = log_temperature + z @ slope
        return pt.exp(log_temperature), pm.math.sigmoid(logit)


def find_observers(observers: str | Observers) -> Observers:
    """Look up observers by their name, or import them of another module, ``module:name``."""
    known = {PooledObservers.name: PooledObservers()}
    return find_part(observers, known, Observers)  # type: ignore[type-abstract]


type Stored = Mapping[str, tuple[str, ...]]
STORED: Stored = {name: variable.axes for name, variable in VARIABLES.items()}
"""Quantities of a draw that a posterior keeps whatever the prior, and their axes."""


@dataclass(frozen=True)
class Form:
    """What is fitted: dimensions, prior, similarity, and standardised features, (m, p), or None.

    ``weights``: whether people weigh the dimensions; ``terms`` are those of the choices.
    """

    dimensions: int
    prior: str | Prior
    similarity: str = "dot"
    features: Floats | None = None
    weights: bool = False
    observers: str | Observers = "pooled"
    terms: tuple[Term, ...] = ()

    @property
    def stored(self) -> Stored:
        """Quantities of a draw that the posterior keeps, and their axes."""
        found = {**STORED}
        for part in (find_prior(self.prior), find_observers(self.observers), *self.terms):
            found |= {name: tuple(axes.split()) for name, axes in part.stored.items()}
        return found

    def model(
        self,
        data: Data,
        batch: Sequence[Sequence[Any]] | None = None,
        sizes: Sequence[int] | None = None,
    ) -> Any:
        """Build the PyMC model of judgments.

        It has ``embedding``, ``temperature``, ``lapse`` and a potential for each group of each
        kind, such as ``choices_0``. ``batch`` has symbolic stand-ins for the arrays of each of
        ``data.groups``, of an engine that feeds minibatches of the ``sizes``.
        """
        import pytensor.tensor as pt

        stand_ins = None if batch is None else iter(batch)
        steps: Iterator[int] = iter(sizes or [group.size for group in data.groups])
        with self._unobserved(data) as model:
            known = model["embedding"], find_kernel(self.similarity), data.participants, pt
            names = ["temperature", "lapse", *["log_weight"] * self.weights]
            unknown = Unknown(*known, self.dimensions, *(model[name] for name in names))
            for kind in data.kinds:
                own = None if stand_ins is None else [next(stand_ins) for _ in kind.groups]
                kind.add(unknown, own, [next(steps) for _ in kind.groups])
        return model

    def _unobserved(self, data: Data) -> Any:
        import pymc as pm

        coords = {
            "object": list(data.ids),
            "participant": list(data.participants),
            "dimension": list(range(self.dimensions)),
        }
        for kind in data.kinds:
            coords |= kind.labels
        if self.weights and data.people is not None:
            coords["group"] = list(data.people.names)
        z = pd.DataFrame(index=list(data.participants))
        if data.covariates is not None:
            coords["covariate"] = list(data.covariates.names)
            z[coords["covariate"]] = data.covariates.standardised.astype(np.float32)
        observers = find_observers(self.observers)
        with pm.Model(coords=coords) as model:
            find_prior(self.prior).add(len(data.ids), self.dimensions, self.features)
            if self.weights:
                scales = observers.weight_spread, observers.slope
                add_weights(data.people, data.covariates, *scales)
            found = observers.add(data.participants, z)
            for name, value in zip(("temperature", "lapse"), found, strict=True):
                if name not in model.named_vars:
                    pm.Deterministic(name, value, dims="participant")
        return model

    def start(self, m: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Where a fit to m objects starts, by name of the model's variables."""
        p = 0 if self.features is None else self.features.shape[1]
        return find_prior(self.prior).start(m, self.dimensions, p, rng)

    def start_at(self, x: Floats) -> dict[str, Floats]:
        """Where a fit starts whose embedding is x, (m, d), at first."""
        return find_prior(self.prior).start_at(x, self.features)


LOG_PRIOR = "log_prior_"
"""Begins the name of a variable's log prior density among the quantities of a draw."""


def prior_terms(model: Any) -> tuple[tuple[str, ...], list[Any]]:
    """Log prior density of each free variable, summed over its elements, symbolic.

    On the constrained space without Jacobians: what power-scaling the prior needs.
    """
    terms = model.logp(vars=model.free_RVs, jacobian=False, sum=False)
    names = tuple(f"{LOG_PRIOR}{variable.name}" for variable in model.free_RVs)
    return names, [term.sum() for term in terms]
