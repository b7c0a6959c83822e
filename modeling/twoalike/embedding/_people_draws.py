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
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twoalike.choice import log_choice
from twoalike.embedding._choices import GIVEN, ChoiceGroup
from twoalike.embedding._model import LOG_PRIOR, Data
from twoalike.embedding._people import SLOPE, SPREAD
from twoalike.embedding._priors import find_kernel
from twoalike.embedding._terms import Change, changed
from twoalike.study import Floats, Integers

LOGITS = np.linspace(-7.0, 3.0, 41)
"""Logits of the lapse: from one answer in a thousand to 95 %."""
STEPS = np.linspace(-1.0, 1.0, 41)
"""Log-temperatures, in units of each person's half-width, around the fitted one."""
WIDEST, WIDTH, NARROWEST = 1.6, 24.0, 0.3
"""Half-width of the log-temperatures of somebody with n judgments: WIDTH / sqrt(n), bounded."""
BINS = np.linspace(-16.0, 0.0, 129)
"""Log-probabilities of an answer; lower ones count as the lowest."""
LOCATIONS = np.linspace(-6.0, 0.5, 27)
LAPSE_SPREADS = np.geomspace(0.05, 3.0, 14)
SCALES = np.geomspace(0.03, 1.5, 14)
SPREADS = np.geomspace(0.01, 2.0, 54)
"""Grids of what people are pooled by: lapses, log-temperatures, log weights."""
MOST_TABLES, FEWEST_TABLES, TABULATED = 10, 2, 2_000_000
"""Draws of a fit whose likelihood is computed; the draws between take the nearest. Of many
judgments fewer are, so that together they have so many: draws then differ little."""
BURN, THIN, MANY = 20, 3, 100
"""Sweeps of a Gibbs sampler before its first draw, and from one draw to the next: one where so many
people leave little doubt of what they are pooled by."""


def draw_people(
    data: Data, draws: dict[str, Floats], similarity: str, rng: np.random.Generator
) -> dict[str, Floats]:
    """Replace observers, then weights of the dimensions if people have any, in draws of fits."""
    return draw_weights(data, draw_observers(data, draws, similarity, rng), similarity, rng)


def draw_observers(
    data: Data, draws: dict[str, Floats], similarity: str, rng: np.random.Generator
) -> dict[str, Floats]:
    """Replace temperatures, lapses and what they are pooled by, in draws of several fits.

    ``draws`` holds the model's quantities by name, each (fits, S, ...). The priors are those of the
    model (:mod:`twoalike.embedding._model`).
    """
    x = draws["embedding"]
    if not len(data.choices):
        return draws  # nobody chose
    found: dict[str, Floats] = {}
    z = None if data.covariates is None else data.covariates.standardised
    some = np.zeros((draws["lapse"].shape[2], 0)) if z is None else z
    for fit in range(len(x)):
        for part in tables_of(x.shape[1], len(data.choices)):
            near = part[len(part) // 2]
            centre = np.log(draws["temperature"][fit].mean(axis=0))
            at = {name: of[fit, near] for name, of in draws.items()}
            table = _Table.of(data, x[fit, near], centre, similarity, at)
            for name, values in table.draw(some, len(part), rng).items():
                if name in draws:
                    found.setdefault(name, draws[name].copy())[fit, part] = values
    terms = {name: v for name, v in _log_prior_terms(found, z).items() if name in draws}
    return draws | found | terms


def _judged_anew(data: Data, values: Mapping[str, Floats]) -> Iterator[tuple[ChoiceGroup, Change]]:
    """Choices, and what terms change of them, without those that only a memory may have made."""
    for group in data.choices.groups:
        change = changed(group.terms, values, group.told_first, group.judge, group.question)
        if change.again is not None:
            group = group.take(change.again[1][:, 0] == 0)  # noqa: PLW2901
            change = changed(group.terms, values, group.told_first, group.judge, group.question)
        yield group, replace(change, again=None)


def tables_of(n_draws: int, n_judgments: int) -> list[Integers]:
    """Split draws into parts that share one table of the likelihood."""
    tables = int(np.clip(TABULATED // n_judgments, FEWEST_TABLES, MOST_TABLES))
    return np.array_split(np.arange(n_draws), min(tables, n_draws))


def _log_prior_terms(found: dict[str, Floats], z: Floats | None = None) -> dict[str, Floats]:
    """Log prior densities of what was drawn, by the name they have among a fit's draws."""
    from scipy.stats import halfnorm, norm

    logit, people = np.log(found["lapse"] / (1 - found["lapse"])), found["lapse"].shape[2]
    location = found["lapse_location"]
    if people == 1:
        return {f"{LOG_PRIOR}lapse_location": norm.logpdf(location, -3.0, 0.5)}
    spread, scale = found["lapse_spread"], found["temperature_spread"]
    log_t, slopes = np.log(found["temperature"]), {}
    if z is not None:
        logit = logit - found["lapse_slope"] @ z.T
        log_t = log_t - found["temperature_slope"] @ z.T
        slopes = {
            name: norm.logpdf(found[name], scale=SLOPE).sum(axis=2)
            for name in ("lapse_slope", "temperature_slope")
        }
    offset = (logit - location[..., None]) / spread[..., None]
    zero_sum = -0.5 * ((log_t / scale[..., None]) ** 2).sum(axis=2)
    zero_sum -= (people - 1) * np.log(np.sqrt(2 * np.pi) * scale)
    terms = {
        "lapse_location": norm.logpdf(location, -2.5, 1.0),
        "lapse_spread": halfnorm.logpdf(spread, scale=1.0),
        "lapse_offset": norm.logpdf(offset).sum(axis=2),
        "temperature_spread": halfnorm.logpdf(scale, scale=0.5),
        "log_temperature": zero_sum,
        **slopes,
    }
    return {f"{LOG_PRIOR}{name}": value for name, value in terms.items()}


@dataclass(frozen=True)
class _Table:
    """Log-likelihood of each person's judgments, (P, logits of the lapse, temperatures)."""

    log_likelihood: Floats
    log_temperatures: Floats  # (P, 41)

    @classmethod
    def of(
        cls,
        data: Data,
        x: Floats,
        centre: Floats,
        similarity: str,
        values: Mapping[str, Floats],
    ) -> "_Table":
        """Of the judgments, given coordinates (m, d) and log-temperatures to look around, (P,).

        ``values`` are the model's other quantities, of which weights and terms count.
        """
        from scipy.special import expit

        n_people, log_weight = len(centre), values.get("log_weight")
        counts = data.choices.given(n_people)
        width = np.clip(WIDTH / np.sqrt(np.maximum(counts, 1)), NARROWEST, WIDEST)
        grid = centre[:, None] + (width[:, None] * STEPS if n_people > 1 else np.zeros((1, 1)))
        kernel = find_kernel(similarity)
        lapse, tables = expit(LOGITS), np.zeros((n_people, len(LOGITS), grid.shape[1]))
        for group, change in _judged_anew(data, values):
            known: dict[str, Any] = {}
            if log_weight is not None:
                known = {"roots": np.exp(log_weight / 2)[group.judge]}
            elif kernel.is_cheaper_whole(len(x), group.shown.size):
                known = {"matrix": kernel.matrix(x, x)}
            question = group.question
            pairs = kernel.pairs(x, group.items, question.pairs, **known)
            pairs = tuple(side.astype(np.float32) for side in pairs)
            by_lapse = np.log(lapse * question.chance + (1 - lapse) * np.exp(BINS)[:, None])
            for place, column in enumerate(np.exp(grid.T).astype(np.float32)):
                noise = column[group.judge]
                (logs,) = change.log_choice(pairs, noise, None, question, GIVEN)
                if change.logit_lapse is None:
                    tables[:, :, place] += _by_bin(group.judge, logs, n_people) @ by_lapse
                    continue
                for number, logit in enumerate(LOGITS):  # each choice has a lapse of its own
                    rate = expit(logit + change.logit_lapse)
                    log_p = np.log(rate * question.chance + (1 - rate) * np.exp(logs))
                    tables[:, number, place] += np.bincount(group.judge, log_p, n_people)
        return cls(tables, grid)

    def draw(self, z: Floats, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw n times the people and what they are pooled by, by name.

        They depend on covariates (P, C), of which there may be none.
        """
        from scipy.special import expit

        people, c = z.shape
        if people == 1:
            weight = self.log_likelihood[0, :, 0] - 0.5 * ((LOGITS + 3.0) / 0.5) ** 2
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
            scale, place, spread = _pools_given(log_t - z @ on_t, logit - z @ on_l, rng)
            on_t, on_l = _slopes(z, log_t, scale, rng), _slopes(z, logit - place, spread, rng)
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


def _pools_given(
    log_t: Floats, logit: Floats, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Draw spread of log-temperatures, location and spread of lapses, given the people (P,)."""
    prior, people = _log_prior(), len(log_t)
    log = prior[:, 0, 0] - 0.5 * (log_t**2).sum() / SCALES**2 - (people - 1) * np.log(SCALES)
    scale = np.exp(_jittered(np.log(SCALES), pick(log[None], 1, rng)[0], rng)[0])
    square = ((logit[:, None] - LOCATIONS) ** 2).sum(axis=0)
    grid = prior[0] - 0.5 * square[:, None] / LAPSE_SPREADS**2 - people * np.log(LAPSE_SPREADS)
    of_place, of_spread = np.unravel_index(pick(grid.reshape(1, -1), 1, rng)[0], grid.shape)
    spread = np.exp(_jittered(np.log(LAPSE_SPREADS), of_spread, rng)[0])
    return float(scale), float(_jittered(LOCATIONS, of_place, rng)[0]), float(spread)


def _slopes(z: Floats, values: Floats, sd: float, rng: np.random.Generator) -> Floats:
    """Draw the slopes of values (P,) on covariates (P, C), given the noise: (C,)."""
    precision = z.T @ z / sd**2 + np.eye(z.shape[1]) / SLOPE**2
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


def _log_prior() -> Floats:
    """Log prior mass of the pools' grids, (scales, locations, spreads)."""
    scale = -0.5 * (SCALES / 0.5) ** 2 + np.log(SCALES)  # grids in equal ratios
    place = -0.5 * (LOCATIONS + 2.5) ** 2
    spread = -0.5 * LAPSE_SPREADS**2 + np.log(LAPSE_SPREADS)
    return np.asarray(scale[:, None, None] + place[:, None] + spread)


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
    found: dict[str, Floats] = {}
    for fit, x in enumerate(draws["embedding"]):
        centre = draws["log_weight"][fit].mean(axis=0)
        for part in tables_of(len(x), len(data.choices)):
            near = part[len(part) // 2]
            at = {name: of[fit, near] for name, of in draws.items()}
            people = _People.of(data, x[near], centre, similarity, at)
            for name, values in people.draw(len(part), rng).items():
                found.setdefault(name, draws[name].copy())[fit, part] = values
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
        similarity: str,
        values: Mapping[str, Floats],
    ) -> "_People":
        """Expand the likelihood of choices around log weights (P, D), given the other quantities.

        J is Fisher's expected information, which is never negative.
        """
        from scipy.linalg import helmert

        basis = helmert(x.shape[1]).T
        v = log_weight @ basis
        gradient = np.zeros_like(v)
        information = np.zeros((*v.shape, v.shape[1]))
        for group, change in _judged_anew(data, values):
            order = np.argsort(group.judge, kind="stable")
            ordered = group.take(order)
            temperature, lapse = (values[of][group.judge] for of in ("temperature", "lapse"))
            noise = change.noise(temperature, lapse)
            heat, rate = (np.asarray(of)[order].astype(np.float32) for of in noise)
            offsets = None if change.offsets is None else list(change.offsets[order].T)
            score, root = _scores(ordered, x, log_weight, heat, rate, offsets, similarity)
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
        from scipy.linalg import helmert
        from scipy.stats import halfnorm

        n_groups, (people, d) = len(self.group_share), self.pull.shape
        coefficients: Floats = np.zeros((self.means.shape[1], d))
        between, found = SPREAD, []
        thin = 2
        for sweep in range(BURN + thin * n if len(coefficients) else n):
            spread = self._spread(coefficients, rng)
            if len(coefficients):
                coefficients = self._coefficients(spread, between, rng)
            if n_groups:
                between = _between(coefficients[:n_groups], rng)
            if not len(coefficients) or (sweep >= BURN and (sweep - BURN) % thin == 0):
                found.append((coefficients, spread, between, self._v(coefficients, spread, rng)))
        b, v = (np.stack([one[place] for one in found]) for place in (0, 3))
        spreads, betweens = (np.array([one[place] for one in found]) for place in (1, 2))
        basis = helmert(d + 1)
        mean = self.means @ b
        draws: dict[str, Floats] = {
            "log_weight": (v - v.mean(axis=1, keepdims=True)) @ basis,
            "weight_spread": spreads,
            f"{LOG_PRIOR}weight_spread": halfnorm.logpdf(spreads, scale=SPREAD),
            f"{LOG_PRIOR}weight_offset": _normal(
                (v - mean) / spreads[:, None, None], 1.0, people - 1
            ),
        }
        if n_groups:
            of_group = b[:, :n_groups]
            draws |= {
                "group_log_weight": (of_group - self.group_share @ of_group[:, None]) @ basis,
                "weight_group_spread": betweens,
                f"{LOG_PRIOR}weight_group_spread": halfnorm.logpdf(betweens, scale=SPREAD),
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
        return _drawn_spread(log, rng)

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
    offsets: list[Floats] | None,
    similarity: str,
) -> tuple[Floats, Floats]:
    """Gradient of each answer's log-probability by its judge's log weights, (n, D).

    Temperature and lapse are those of each choice, (n,).

    And for Fisher's information, over the answers that could have been given, gradients of their
    probabilities over the probabilities' roots, (n, A, D).
    """
    kernel, question, judge = find_kernel(similarity), group.question, group.judge
    roots = np.exp(log_weight / 2)[judge].astype(np.float32)
    rows = [x[group.items[:, place]] * roots for place in range(question.items)]
    heat = temperature[:, None]
    sides = [kernel.rows(rows[a], rows[b]) / heat[:, 0] for a, b in question.pairs]
    parts = [kernel.by_log_weight(rows[a], rows[b]) / heat for a, b in question.pairs]
    # The answer that was given is the first.
    p = np.exp(log_choice(sides, question=question, offsets=offsets)).T
    by_score = np.stack(question.scores(parts), axis=1)  # (n, A, D)
    by_answer = p[:, :, None] * (by_score - np.einsum("na,nad->nd", p, by_score)[:, None])
    rate = lapse[:, None]
    mixed = rate * question.chance + (1 - rate) * p
    slope = (1 - rate)[:, :, None] * by_answer
    return slope[:, 0] / mixed[:, :1], slope / np.sqrt(mixed)[:, :, None]


def _between(means: Floats, rng: np.random.Generator) -> float:
    """Draw the spread between groups given their means, (G, D - 1), less one that is not free."""
    free = (len(means) - 1) * means.shape[1]
    log = -0.5 * (means**2).sum() / SPREADS**2 - free * np.log(SPREADS)
    log += -0.5 * (SPREADS / SPREAD) ** 2 + np.log(SPREADS)
    return _drawn_spread(log, rng)


def _drawn_spread(log: Floats, rng: np.random.Generator) -> float:
    """Draw from the grid of spreads by log weights, and between its points."""
    return float(np.exp(_jittered(np.log(SPREADS), pick(log[None], 1, rng)[0], rng)[0]))


def _normal(values: Floats, scale: float, free: int) -> Floats:
    """Log prior density of values (S, a, D - 1), of which so many of the a are free, (S,)."""
    constant = free * values.shape[2] * np.log(np.sqrt(2 * np.pi) * scale)
    return np.asarray(-0.5 * ((values / scale) ** 2).sum(axis=(1, 2)) - constant)
