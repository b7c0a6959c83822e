"""People of a variational fit, given the embedding: drawn from their posterior.

**Temperature and lapse.** A Gaussian of independent variables cannot say that somebody answers at
random or finds the task hard, and settles on the average person with confidence. Given the
similarities, however, people depend on each other through a few numbers only (location and spread
of lapses, spread of temperatures, slopes of covariates), so that all of them can be drawn by Gibbs
sampling, each person on a grid. A judgment enters by its probability without lapses; these are
counted in bins, since all that a lapse does to the likelihood depends on them.

**Log weights** of the dimensions. The same Gaussian knows people's weights and the spread between
people apart, and is too sure of both. Given embedding, temperature and lapse, a person's judgments
are, to second order in their log weights, one Gaussian likelihood, exp(h v - v J v / 2), in
coordinates v of log weights that sum to zero over dimensions, (P, D - 1). What people are pooled by
follows with the people integrated out, since everything is normal: the means of groups and the
slopes of covariates jointly, the spread between people on a grid.

The embedding is not drawn given the people, so that how it moves with their prior cannot be seen
here: log priors of what is drawn are left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twoalike.choice import Change, log_choice
from twoalike.embedding._choices import GIVEN, ChoiceGroup
from twoalike.embedding._model import (
    LOG_PRIOR,
    Data,
    Form,
    Observers,
    PooledObservers,
    find_observers,
)
from twoalike.embedding._observers import changed
from twoalike.embedding._priors import cheaper_whole, find_kernel
from twoalike.study import Floats, Integers

LOGITS = np.linspace(-7.0, 3.0, 41)
"""Logits of the lapse: from one answer in a thousand to 95 %."""
STEPS = np.linspace(-1.0, 1.0, 41)
"""Log-temperatures, in units of each person's half-width, around the fitted one."""
WIDEST, WIDTH, NARROWEST = 1.6, 24.0, 0.3
"""Half-width of the log-temperatures of somebody with n judgments: WIDTH / sqrt(n), bounded."""
BINS = np.linspace(-16.0, 0.0, 129)
"""Log-probabilities of an answer; lower ones count as the lowest."""
LAPSE_SPREADS = np.geomspace(0.05, 3.0, 14)
SCALES = np.geomspace(0.03, 1.5, 14)
SPREADS = np.geomspace(0.01, 2.0, 54)
"""Grids of what people are pooled by: lapses, log-temperatures, log weights."""
MOST_TABLES, FEWEST_TABLES, TABULATED = 10, 2, 2_000_000
"""Draws of a fit whose likelihood is computed, at most one in ten; the draws between take the
nearest. Of many judgments fewer are, so that together they have so many: draws then differ little.
"""
BURN, THIN, MANY = 20, 3, 100
"""Sweeps of a Gibbs sampler before its first draw, and from one draw to the next: one where so many
people leave little doubt of what they are pooled by."""


def draw_people(
    data: Data, draws: dict[str, Floats], form: Form, rng: np.random.Generator
) -> dict[str, Floats]:
    """Replace observers, then weights of the dimensions if people have any, in draws of fits.

    Observers that are pooled in another way stay as they were fitted.
    """
    prior = find_observers(form.observers)
    if isinstance(prior, PooledObservers) and type(prior).add is PooledObservers.add:
        draws = draw_observers(data, draws, form.similarity, rng, prior)
    return draw_weights(data, draws, form.similarity, rng, prior)


def draw_observers(
    data: Data,
    draws: dict[str, Floats],
    similarity: str,
    rng: np.random.Generator,
    prior: PooledObservers,
) -> dict[str, Floats]:
    """Replace temperatures, lapses and what they are pooled by, in draws of several fits.

    ``draws`` holds the model's quantities by name, each (fits, S, ...).
    """
    if not len(data.choices):
        return draws  # nobody chose
    z = None if data.covariates is None else data.covariates.standardised
    some = np.zeros((draws["lapse"].shape[2], 0)) if z is None else z

    def drawn(fit: int, at: dict[str, Floats], n: int) -> dict[str, Floats]:
        centre = np.log(draws["temperature"][fit].mean(axis=0))
        return _Table.of(data, prior, centre, similarity, at).draw(some, n, rng)

    return _replaced(draws, len(data.choices), drawn, "lapse", "temperature", "log_temperature")


def _replaced(
    draws: dict[str, Floats],
    n_judgments: int,
    drawn: Callable[[int, dict[str, Floats], int], dict[str, Floats]],
    *begin: str,
) -> dict[str, Floats]:
    """Replace quantities in draws of fits, and leave out log priors of the names that begin so.

    ``drawn`` draws so many of a fit, by name, given all that is known under one of its draws.
    """
    found: dict[str, Floats] = {}
    for fit, x in enumerate(draws["embedding"]):
        for part in tables_of(len(x), n_judgments):
            at = {name: of[fit, part[len(part) // 2]] for name, of in draws.items()}
            for name, values in drawn(fit, at, len(part)).items():
                if name in draws:
                    found.setdefault(name, draws[name].copy())[fit, part] = values
    priors = tuple(f"{LOG_PRIOR}{name}" for name in begin)
    return {name: of for name, of in draws.items() if not name.startswith(priors)} | found


def _changed(group: ChoiceGroup, values: Mapping[str, Floats]) -> Change:
    return changed(group.terms, values, group.told_first, group.judge, group.question)


def tables_of(n_draws: int, n_judgments: int) -> list[Integers]:
    most = min(MOST_TABLES, max(n_draws // MOST_TABLES, FEWEST_TABLES))
    tables = int(np.clip(TABULATED // n_judgments, FEWEST_TABLES, most))
    return np.array_split(np.arange(n_draws), min(tables, n_draws))


@dataclass(frozen=True)
class _Table:
    """Log-likelihood of each person's judgments, (P, logits of the lapse, temperatures)."""

    prior: PooledObservers
    log_likelihood: Floats
    log_temperatures: Floats  # (P, 41)

    @classmethod
    def of(
        cls,
        data: Data,
        prior: PooledObservers,
        centre: Floats,
        similarity: str,
        values: Mapping[str, Floats],
    ) -> "_Table":
        """Of the judgments, given log-temperatures to look around, (P,).

        ``values`` are the model's other quantities, of which embedding, weights and terms count.
        """
        from scipy.special import expit

        x, n_people, log_weight = values["embedding"], len(centre), values.get("log_weight")
        counts = data.choices.given(n_people)
        width = np.clip(WIDTH / np.sqrt(np.maximum(counts, 1)), NARROWEST, WIDEST)
        grid = centre[:, None] + (width[:, None] * STEPS if n_people > 1 else np.zeros((1, 1)))
        kernel = find_kernel(similarity)
        lapse, tables = expit(LOGITS), np.zeros((n_people, len(LOGITS), grid.shape[1]))
        for group in data.choices.groups:
            change, known = _changed(group, values), dict[str, Any]()
            again, same = 0.0, np.zeros(group.size, dtype=bool)  # a memory may have made these
            if change.again is not None:
                again, same = change.again[0], change.again[1][:, 0] > 0
                change = replace(change, again=None)
            parts = ((~same, 0.0), (same, again)) if same.any() else ((slice(None), 0.0),)
            if log_weight is not None:
                known = {"roots": np.exp(log_weight / 2)[group.judge]}
            elif cheaper_whole(len(x), group.shown.size):
                known = {"matrix": kernel.matrix(x, x)}
            question = group.question
            pairs = kernel.pairs(x, group.items, question.pairs, **known)
            pairs = tuple(side.astype(np.float32) for side in pairs)
            by_lapse = lapse * question.chance + (1 - lapse) * np.exp(BINS)[:, None]
            for place, column in enumerate(np.exp(grid.T).astype(np.float32)):
                noise = column[group.judge]
                (logs,) = change.log_choice(pairs, noise, None, question, GIVEN)
                if change.logit_lapse is None:
                    for some, kept in parts:
                        binned = _by_bin(group.judge[some], logs[some], n_people)
                        tables[:, :, place] += binned @ np.log(kept + (1 - kept) * by_lapse)
                    continue
                for number, logit in enumerate(LOGITS):  # each choice has a lapse of its own
                    rate = expit(logit + change.logit_lapse)
                    p = rate * question.chance + (1 - rate) * np.exp(logs)
                    log_p = np.log(again * same + (1 - again * same) * p)
                    tables[:, number, place] += np.bincount(group.judge, log_p, n_people)
        return cls(prior, tables, grid)

    def draw(self, z: Floats, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw n times the people and what they are pooled by, by name.

        They depend on covariates (P, C), of which there may be none.
        """
        from scipy.special import expit

        people, c = z.shape
        if people == 1:
            apart = (LOGITS - self.prior.alone_location) / self.prior.alone_location_sd
            weight = self.log_likelihood[0, :, 0] - 0.5 * apart**2
            location = _jittered(LOGITS, pick(weight[None], n, rng)[:, 0], rng)
            return {"lapse_location": location, "lapse": expit(location)[:, None]}
        # The model's temperatures average to one: their mean is the scale of the embedding. Of
        # people who did not choose nothing is known, and it is left to those who did.
        chose = self.log_likelihood.any(axis=(1, 2))
        on_t: Floats = np.zeros(c)
        on_l: Floats = np.zeros(c)
        scale, place, spread = 0.3, -2.5, 0.8
        found: list[dict[str, Any]] = []
        thin = THIN if people < MANY else 1
        for sweep in range(BURN + thin * n):
            log_t, logit = self._people(scale, place + z @ on_l, spread, z @ on_t, rng)
            scale, place, spread = self._pools(log_t - z @ on_t, logit - z @ on_l, rng)
            on_t = self._slopes(z, log_t, scale, rng)
            on_l = self._slopes(z, logit - place, spread, rng)
            if sweep >= BURN and (sweep - BURN) % thin == 0:
                found.append(
                    {
                        "lapse": expit(logit),
                        "temperature": np.exp(log_t - log_t[chose].mean()),
                        "lapse_location": place,
                        "lapse_spread": spread,
                        "temperature_spread": scale,
                        "temperature_slope": on_t,
                        "lapse_slope": on_l,
                    }
                )
        return {name: np.stack([one[name] for one in found]) for name in found[0]}

    def _people(
        self, scale: float, place: Any, spread: float, centre: Any, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Draw log-temperatures, around ``centre``, and logits of the lapse, (P,) each."""
        people = len(self.log_temperatures)
        place, centre = (np.broadcast_to(one, people)[:, None] for one in (place, centre))
        prior_l = -0.5 * ((LOGITS - place) / spread) ** 2
        prior_t = -0.5 * ((self.log_temperatures - centre) / scale) ** 2
        weight = self.log_likelihood + prior_l[:, :, None] + prior_t[:, None]
        chosen = pick(weight.reshape(people, -1), 1, rng)[0]
        of_lapse, of_t = np.unravel_index(chosen, weight.shape[1:])
        step = self.log_temperatures[:, 1] - self.log_temperatures[:, 0]
        log_t = self.log_temperatures[np.arange(people), of_t]
        return log_t + step * rng.uniform(-0.5, 0.5, people), _jittered(LOGITS, of_lapse, rng)

    def _pools(
        self, log_t: Floats, logit: Floats, rng: np.random.Generator
    ) -> tuple[float, float, float]:
        prior, people = self.prior, len(log_t)
        log = _log_prior_of_spread(SCALES, prior.temperature_spread)
        log += -0.5 * (log_t**2).sum() / SCALES**2 - (people - 1) * np.log(SCALES)
        scale = np.exp(_jittered(np.log(SCALES), pick(log[None], 1, rng)[0], rng)[0])
        middle, sd = prior.lapse_location, prior.lapse_location_sd
        places = np.linspace(min(middle - 3 * sd, -6.0), max(middle + 3 * sd, 0.5), 27)
        apart = (places - middle) / sd
        square = ((logit[:, None] - places) ** 2).sum(axis=0)
        grid = -0.5 * (apart**2)[:, None] - 0.5 * square[:, None] / LAPSE_SPREADS**2
        grid += _log_prior_of_spread(LAPSE_SPREADS, prior.lapse_spread)
        grid -= people * np.log(LAPSE_SPREADS)
        of_place, of_spread = np.unravel_index(pick(grid.reshape(1, -1), 1, rng)[0], grid.shape)
        spread = np.exp(_jittered(np.log(LAPSE_SPREADS), of_spread, rng)[0])
        return float(scale), float(_jittered(places, of_place, rng)[0]), float(spread)

    def _slopes(self, z: Floats, values: Floats, sd: float, rng: np.random.Generator) -> Floats:
        """Draw the slopes of values (P,) on covariates (P, C), given the noise: (C,)."""
        precision = z.T @ z / sd**2 + np.eye(z.shape[1]) / self.prior.slope**2
        noise = np.linalg.solve(np.linalg.cholesky(precision).T, rng.standard_normal(z.shape[1]))
        return np.asarray(np.linalg.solve(precision, z.T @ values / sd**2) + noise)


def _by_bin(people: Integers, logs: Floats, n_people: int) -> Floats:
    """Share every judgment between the two nearest of the bins: (P, bins)."""
    place = (np.maximum(logs, BINS[0]) - BINS[0]) / (BINS[1] - BINS[0])
    below = np.minimum(place.astype(np.int64), len(BINS) - 2)
    part = place - below
    size, cell = n_people * len(BINS), people * len(BINS) + below
    counts = np.bincount(cell, 1 - part, size) + np.bincount(cell + 1, part, size)
    return counts.reshape(n_people, len(BINS))


def _log_prior_of_spread(grid: Floats, scale: float) -> Floats:
    """Log prior mass of a half-normal variable on a grid in equal ratios."""
    return np.asarray(-0.5 * (grid / scale) ** 2 + np.log(grid))


def pick(weight: Floats, n: int, rng: np.random.Generator) -> Integers:
    """Draw n places by log weights (rows, places): shape (n, rows)."""
    from scipy.special import logsumexp

    chances = np.exp(weight - logsumexp(weight, axis=1, keepdims=True)).cumsum(axis=1)
    drawn = rng.random((n, len(weight), 1)) * chances[:, -1:]
    return np.asarray((drawn > chances).sum(axis=2), dtype=np.int64)


def _jittered(grid: Floats, places: Integers, rng: np.random.Generator) -> Floats:
    step = grid[1] - grid[0]
    return np.asarray(grid[places] + step * rng.uniform(-0.5, 0.5, len(places)))


def draw_weights(
    data: Data,
    draws: dict[str, Floats],
    similarity: str,
    rng: np.random.Generator,
    prior: Observers,
) -> dict[str, Floats]:
    """Replace log weights and what they are pooled by, in draws of several fits.

    ``draws`` holds the model's quantities by name, each (fits, S, ...); temperatures and lapses
    count as known. Unchanged where people have no weights, or other judgments than choices tell of
    them too.
    """
    if "log_weight" not in draws or not len(data.choices) or len(data.kinds) > 1:
        return draws

    def drawn(fit: int, at: dict[str, Floats], n: int) -> dict[str, Floats]:
        centre = draws["log_weight"][fit].mean(axis=0)
        return _People.of(data, prior, centre, similarity, at).draw(n, rng)

    return _replaced(draws, len(data.choices), drawn, "weight")


@dataclass(frozen=True, eq=False)
class _People:
    """Likelihood of each person's v in its principal axes, and what their means depend on.

    ``axes`` (P, D - 1, D - 1) has the axes as columns, ``precision`` (P, D - 1) and ``pull``
    (P, D - 1) are J and h in them. ``means`` (P, F) are the regressors of the means: a column of
    ones and zeros for each of the first ``n_groups``, then covariates.
    """

    prior: Observers
    axes: Floats
    precision: Floats
    pull: Floats
    means: Floats
    group_share: Floats

    @classmethod
    def of(
        cls,
        data: Data,
        prior: Observers,
        log_weight: Floats,
        similarity: str,
        values: Mapping[str, Floats],
    ) -> "_People":
        """Expand the likelihood of choices around log weights (P, D), given the other quantities.

        J is Fisher's expected information, which is never negative.
        """
        from scipy.linalg import helmert

        x = values["embedding"]
        basis = helmert(x.shape[1]).T
        v = log_weight @ basis
        gradient = np.zeros_like(v)
        information = np.zeros((*v.shape, v.shape[1]))
        for group in data.choices.groups:
            ordered = group.take(np.argsort(group.judge, kind="stable"))
            known = x, log_weight, values["temperature"], values["lapse"]
            score, root = _scores(ordered, *known, _changed(ordered, values), similarity)
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
        means = np.concatenate([of_group, z], axis=1)
        return cls(prior, axes, precision, pull, means, of_group.mean(axis=0))

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        from scipy.linalg import helmert

        n_groups, d = len(self.group_share), self.pull.shape[1]
        coefficients: Floats = np.zeros((self.means.shape[1], d))
        between, found = self.prior.weight_spread, []
        thin = 2
        for sweep in range(BURN + thin * n if len(coefficients) else n):
            spread = self._spread(coefficients, rng)
            if len(coefficients):
                coefficients = self._coefficients(spread, between, rng)
            if n_groups:
                between = self._between(coefficients[:n_groups], rng)
            if not len(coefficients) or (sweep >= BURN and (sweep - BURN) % thin == 0):
                found.append((coefficients, spread, between, self._v(coefficients, spread, rng)))
        b, v = (np.stack([one[place] for one in found]) for place in (0, 3))
        spreads, betweens = (np.array([one[place] for one in found]) for place in (1, 2))
        basis = helmert(d + 1)
        draws: dict[str, Floats] = {
            "log_weight": (v - v.mean(axis=1, keepdims=True)) @ basis,
            "weight_spread": spreads,
        }
        if n_groups:
            of_group = b[:, :n_groups]
            draws |= {
                "group_log_weight": (of_group - self.group_share @ of_group[:, None]) @ basis,
                "weight_group_spread": betweens,
            }
        if b.shape[1] > n_groups:
            draws["weight_slope"] = b[:, n_groups:] @ basis
        return draws

    def _spread(self, coefficients: Floats, rng: np.random.Generator) -> float:
        """Draw the spread between people given their means, people integrated out."""
        mean = np.einsum("pij,pi->pj", self.axes, self.means @ coefficients)
        s2 = SPREADS[:, None, None] ** 2
        pulled = (self.pull + mean / s2) ** 2 / (self.precision + 1 / s2)
        log = 0.5 * (pulled - mean**2 / s2 - np.log1p(s2 * self.precision)).sum(axis=(1, 2))
        return self._drawn(log, rng)

    def _between(self, means: Floats, rng: np.random.Generator) -> float:
        """Draw the spread between groups given their means, (G, D - 1), all but one free."""
        free = (len(means) - 1) * means.shape[1]
        return self._drawn(-0.5 * (means**2).sum() / SPREADS**2 - free * np.log(SPREADS), rng)

    def _drawn(self, log: Floats, rng: np.random.Generator) -> float:
        """Draw from the grid of spreads by log-likelihoods, and between its points."""
        log = log + _log_prior_of_spread(SPREADS, self.prior.weight_spread)
        return float(np.exp(_jittered(np.log(SPREADS), pick(log[None], 1, rng)[0], rng)[0]))

    def _coefficients(self, spread: float, between: float, rng: np.random.Generator) -> Floats:
        """Draw means of groups and slopes of covariates, (F, D - 1), people integrated out."""
        f, (_, d) = self.means.shape[1], self.pull.shape
        shrunk = 1 / (1 + spread**2 * self.precision)
        info = np.einsum("pij,pj,pkj->pik", self.axes, self.precision * shrunk, self.axes)
        pull = np.einsum("pij,pj->pi", self.axes, self.pull * shrunk)
        prior = np.full(f, self.prior.slope**-2)
        prior[: len(self.group_share)] = between**-2
        precision = np.einsum("pf,pg,pik->figk", self.means, self.means, info, optimize=True)
        precision = precision.reshape(f * d, f * d) + np.diag(np.repeat(prior, d))
        root = np.linalg.cholesky(precision)
        mean = np.linalg.solve(precision, (self.means.T @ pull).ravel())
        drawn = mean + np.linalg.solve(root.T, rng.standard_normal(f * d))
        return np.asarray(drawn.reshape(f, d))

    def _v(self, coefficients: Floats, spread: float, rng: np.random.Generator) -> Floats:
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
    change: Change,
    similarity: str,
) -> tuple[Floats, Floats]:
    """Gradient of each answer's log-probability by its judge's log weights, (n, D).

    And for Fisher's information, over the answers that could have been given, gradients of their
    probabilities over the probabilities' roots, (n, A, D).
    """
    kernel, question, judge = find_kernel(similarity), group.question, group.judge
    roots = np.exp(log_weight / 2)[judge].astype(np.float32)
    rows = [x[group.items[:, place]] * roots for place in range(question.items)]
    noise = change.noise(temperature[judge], lapse[judge])
    heat, rate = (np.asarray(of, dtype=np.float32)[:, None] for of in noise)
    offsets = None if change.offsets is None else list(change.offsets.T)
    sides = [kernel.rows(rows[a], rows[b]) / heat[:, 0] for a, b in question.pairs]
    parts = [kernel.by_log_weight(rows[a], rows[b]) / heat for a, b in question.pairs]
    # The answer that was given is the first.
    p = np.exp(log_choice(sides, question=question, offsets=offsets)).T
    by_score = np.stack(question.scores(parts), axis=1)  # (n, A, D)
    by_answer = p[:, :, None] * (by_score - np.einsum("na,nad->nd", p, by_score)[:, None])
    mixed = rate * question.chance + (1 - rate) * p
    slope = (1 - rate)[:, :, None] * by_answer
    if change.again is not None:
        again, before = change.again
        anew = 1 - again * before.sum(axis=1, keepdims=True)
        mixed, slope = anew * mixed + again * before, anew[:, :, None] * slope
    return slope[:, 0] / mixed[:, :1], slope / np.sqrt(mixed)[:, :, None]
