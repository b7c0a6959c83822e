"""Log weights of every participant, given the embedding: drawn from their posterior.

A Gaussian of independent variables knows people's weights and the spread between people apart, and
is too sure of both. Given embedding, temperature and lapse, a person's judgments are, to second
order in their log weights, one Gaussian likelihood, exp(h v - v J v / 2). What people are pooled by
follows with the people integrated out, since everything is normal: the means of groups and the
slopes of covariates jointly, the spread between people on a grid.

All this happens in coordinates v of the log weights that sum to zero over dimensions, (P, D - 1).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import helmert

from twoalike.choice import log_choice
from twoalike.embedding._choices import ChoiceGroup
from twoalike.embedding._model import LOG_PRIOR, Data
from twoalike.embedding._observer_draws import pick, tables_of
from twoalike.embedding._parts import find_kernel
from twoalike.embedding._people import SLOPE, SPREAD
from twoalike.study import Floats

SPREADS = np.geomspace(0.01, 2.0, 54)
BURN, THIN = 20, 2
"""Sweeps before the first draw, and a draw."""


def draw_weights(
    data: Data, draws: dict[str, Floats], similarity: str, rng: np.random.Generator
) -> dict[str, Floats]:
    """Replace log weights and what they are pooled by, in draws of several fits.

    ``draws`` holds the model's quantities by name, each (fits, S, ...); temperatures and lapses
    count as known. The priors are those of the model (:mod:`twoalike.embedding._people`). Unchanged
    where people have no weights, or other judgments than choices of one answer tell of them too.
    """
    ranked = any(group.question.ranked for group in data.choices.groups)
    if "log_weight" not in draws or not len(data.choices) or not data.only_choices or ranked:
        return draws
    names = (
        "log_weight",
        "weight_spread",
        "group_log_weight",
        "weight_group_spread",
        "weight_slope",
    )
    found = {name: draws[name].copy() for name in names if name in draws}
    found |= {name: v.copy() for name, v in draws.items() if name.startswith(f"{LOG_PRIOR}weight")}
    for fit, x in enumerate(draws["embedding"]):
        centre = draws["log_weight"][fit].mean(axis=0)
        for part in tables_of(len(x), len(data.choices)):
            near = part[len(part) // 2]
            noise = draws["temperature"][fit, near], draws["lapse"][fit, near]
            people = _People.of(data, x[near], centre, *noise, similarity)
            for name, values in people.draw(len(part), rng).items():
                found[name][fit, part] = values
    return draws | found


@dataclass(frozen=True, eq=False)
class _People:
    """Likelihood of each person's v in its principal axes, and what their means depend on.

    ``axes`` (P, D - 1, D - 1) has the axes as columns, ``precision`` (P, D - 1) and ``pull``
    (P, D - 1) are J and h in them. ``means`` (P, F) are the regressors of the means: a column of
    ones and zeros for each of the first ``n_groups``, then covariates.
    """

    axes: Floats
    precision: Floats
    pull: Floats
    means: Floats
    group_share: Floats

    @classmethod
    def of(
        cls,
        data: Data,
        x: Floats,
        log_weight: Floats,
        temperature: Floats,
        lapse: Floats,
        similarity: str,
    ) -> "_People":
        """Expand the likelihood of choices around log weights (P, D).

        J is Fisher's expected information, which is never negative.
        """
        basis = helmert(x.shape[1]).T
        v = log_weight @ basis
        gradient = np.zeros_like(v)
        information = np.zeros((*v.shape, v.shape[1]))
        for group in data.choices.groups:
            order = np.argsort(group.judge, kind="stable")
            ordered = group.take(order)
            score, root = _scores(ordered, x, log_weight, temperature, lapse, similarity)
            ends = np.searchsorted(ordered.judge, np.arange(len(v) + 1))
            for person, (first, last) in enumerate(zip(ends[:-1], ends[1:], strict=True)):
                gradient[person] += score[first:last].sum(axis=0) @ basis
                own = root[first:last].reshape(-1, x.shape[1]) @ basis
                information[person] += own.T @ own
        precision, axes = np.linalg.eigh(information)
        precision = np.maximum(precision, 0)
        pull = np.einsum("pij,pi->pj", axes, gradient) + precision * np.einsum(
            "pij,pi->pj", axes, v
        )
        groups, covariates = data.people, data.covariates
        of_group = np.zeros((len(v), 0)) if groups is None else np.eye(len(groups.names))[groups.of]
        z = np.zeros((len(v), 0)) if covariates is None else covariates.standardised
        return cls(
            axes, precision, pull, np.concatenate([of_group, z], axis=1), of_group.mean(axis=0)
        )

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw n times what people are pooled by, then the people, by name."""
        n_groups, (people, d) = len(self.group_share), self.pull.shape
        coefficients: Floats = np.zeros((self.means.shape[1], d))
        between, found = SPREAD, []
        for sweep in range(BURN + THIN * n if len(coefficients) else n):
            spread = self._spread(coefficients, rng)
            if len(coefficients):
                coefficients = self._coefficients(spread, between, rng)
            if n_groups:
                between = _between(coefficients[:n_groups], rng)
            if not len(coefficients) or (sweep >= BURN and (sweep - BURN) % THIN == 0):
                found.append((coefficients, spread, between, self._v(coefficients, spread, rng)))
        b, v = (np.stack([one[place] for one in found]) for place in (0, 3))
        spreads, betweens = (np.array([one[place] for one in found]) for place in (1, 2))
        basis = helmert(d + 1)
        mean = self.means @ b
        draws: dict[str, Floats] = {
            "log_weight": (v - v.mean(axis=1, keepdims=True)) @ basis,
            "weight_spread": spreads,
            f"{LOG_PRIOR}weight_spread": _half_normal(spreads),
            f"{LOG_PRIOR}weight_offset": _normal(
                (v - mean) / spreads[:, None, None], 1.0, people - 1
            ),
        }
        if n_groups:
            of_group = b[:, :n_groups]
            draws |= {
                "group_log_weight": (of_group - self.group_share @ of_group[:, None]) @ basis,
                "weight_group_spread": betweens,
                f"{LOG_PRIOR}weight_group_spread": _half_normal(betweens),
                f"{LOG_PRIOR}weight_group_offset": _normal(
                    of_group / betweens[:, None, None], 1.0, n_groups - 1
                ),
            }
        if b.shape[1] > n_groups:
            slope = b[:, n_groups:]
            draws["weight_slope"] = slope @ basis
            draws[f"{LOG_PRIOR}weight_slope"] = _normal(slope, SLOPE, slope.shape[1])
        return draws

    def _spread(self, coefficients: Floats, rng: np.random.Generator) -> float:
        """Draw the spread between people given their means, people integrated out."""
        mean = np.einsum("pij,pi->pj", self.axes, self.means @ coefficients)
        s2 = SPREADS[:, None, None] ** 2
        pulled = (self.pull + mean / s2) ** 2 / (self.precision + 1 / s2)
        log = 0.5 * (pulled - mean**2 / s2 - np.log1p(s2 * self.precision)).sum(axis=(1, 2))
        log += -0.5 * (SPREADS / SPREAD) ** 2 + np.log(SPREADS)  # a grid in equal ratios
        return float(_jittered(log, rng))

    def _coefficients(self, spread: float, between: float, rng: np.random.Generator) -> Floats:
        """Draw means of groups and slopes of covariates, (F, D - 1), people integrated out."""
        f, (_, d) = self.means.shape[1], self.pull.shape
        shrunk = 1 / (1 + spread**2 * self.precision)
        info = np.einsum("pij,pj,pkj->pik", self.axes, self.precision * shrunk, self.axes)
        pull = np.einsum("pij,pj->pi", self.axes, self.pull * shrunk)
        prior = np.full(f, SLOPE**-2)
        prior[: len(self.group_share)] = between**-2
        precision = np.einsum("pf,pg,pik->figk", self.means, self.means, info, optimize=True)
        precision = precision.reshape(f * d, f * d) + np.diag(np.repeat(prior, d))
        root = np.linalg.cholesky(precision)
        mean = np.linalg.solve(precision, (self.means.T @ pull).ravel())
        drawn = mean + np.linalg.solve(root.T, rng.standard_normal(f * d))
        return np.asarray(drawn.reshape(f, d))

    def _v(self, coefficients: Floats, spread: float, rng: np.random.Generator) -> Floats:
        """Draw the people, (P, D - 1)."""
        mean = np.einsum("pij,pi->pj", self.axes, self.means @ coefficients)
        precision = self.precision + spread**-2
        v = (self.pull + mean / spread**2) / precision
        v = v + rng.standard_normal(v.shape) / np.sqrt(precision)
        return np.asarray(np.einsum("pij,pj->pi", self.axes, v))


def _scores(
    group: ChoiceGroup,
    x: Floats,
    log_weight: Floats,
    temperature: Floats,
    lapse: Floats,
    similarity: str,
) -> tuple[Floats, Floats]:
    """Gradient of each answer's log-probability by its judge's log weights, (n, D).

    And for Fisher's information, over the answers that could have been given, gradients of their
    probabilities over the probabilities' roots, (n, A, D).
    """
    kernel, question, judge = find_kernel(similarity), group.question, group.judge
    roots = np.exp(log_weight / 2)[judge].astype(np.float32)
    rows = [x[group.items[:, place]] * roots for place in range(question.items)]
    heat = temperature[judge].astype(np.float32)[:, None]
    sides = [kernel.rows(rows[a], rows[b]) / heat[:, 0] for a, b in question.pairs]
    parts = [kernel.by_log_weight(rows[a], rows[b]) / heat for a, b in question.pairs]
    # The answer that was given is the first.
    p = np.exp(log_choice(sides, question=question)).T
    by_score = np.stack(question.scores(parts), axis=1)  # (n, A, D)
    by_answer = p[:, :, None] * (by_score - np.einsum("na,nad->nd", p, by_score)[:, None])
    rate = lapse[judge].astype(np.float32)[:, None]
    mixed = rate * question.chance + (1 - rate) * p
    slope = (1 - rate)[:, :, None] * by_answer
    return slope[:, 0] / mixed[:, :1], slope / np.sqrt(mixed)[:, :, None]


def _between(means: Floats, rng: np.random.Generator) -> float:
    """Draw the spread between groups given their means, (G, D - 1), less one that is not free."""
    free = (len(means) - 1) * means.shape[1]
    log = -0.5 * (means**2).sum() / SPREADS**2 - free * np.log(SPREADS)
    log += -0.5 * (SPREADS / SPREAD) ** 2 + np.log(SPREADS)
    return float(_jittered(log, rng))


def _jittered(log: Floats, rng: np.random.Generator) -> Floats:
    """Draw from the grid of spreads by log weights, and between its points."""
    place = pick(log[None], 1, rng)[0, 0]
    step = np.log(SPREADS[1] / SPREADS[0])
    return np.asarray(np.exp(np.log(SPREADS[place]) + step * rng.uniform(-0.5, 0.5)))


def _half_normal(spread: Floats) -> Floats:
    """Log prior density of spreads."""
    return np.asarray(np.log(2 / np.sqrt(2 * np.pi) / SPREAD) - 0.5 * (spread / SPREAD) ** 2)


def _normal(values: Floats, scale: float, free: int) -> Floats:
    """Log prior density of values (S, a, D - 1), of which so many of the a are free, (S,)."""
    constant = free * values.shape[2] * np.log(np.sqrt(2 * np.pi) * scale)
    return np.asarray(-0.5 * ((values / scale) ** 2).sum(axis=(1, 2)) - constant)
