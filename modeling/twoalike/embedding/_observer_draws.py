"""Temperature and lapse of every participant, given the embedding: drawn from their posterior.

A Gaussian of independent variables cannot say that somebody answers at random or finds the task
hard, and settles on the average person with confidence. Given the similarities, however, people
depend on each other through three numbers only (location and spread of lapses, spread of
temperatures), so that the posterior of all of them can be computed on a grid. A judgment enters
by its probability without lapses; these are counted in bins, since all that a lapse does to the
likelihood depends on them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logsumexp

from twoalike.choice import log_choice
from twoalike.embedding._choices import GIVEN
from twoalike.embedding._model import LOG_PRIOR, Data
from twoalike.embedding._parts import find_kernel
from twoalike.embedding._people import SLOPE
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
SPREADS = np.geomspace(0.05, 3.0, 14)
SCALES = np.geomspace(0.03, 1.5, 14)
MOST_TABLES, FEWEST_TABLES, TABULATED = 10, 2, 2_000_000
"""Draws of a fit whose likelihood is computed; the draws between take the nearest. Of many
judgments fewer are, so that together they have so many: draws then differ little."""
BURN, THIN = 20, 3
"""Sweeps of a Gibbs sampler before its first draw, and from one draw to the next."""
POOLS = (
    "lapse_location",
    "lapse_spread",
    "lapse_slope",
    "temperature_spread",
    "temperature_slope",
)


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
    found = {name: draws[name].copy() for name in ("temperature", "lapse", *_pools(draws))}
    z = None if data.covariates is None else data.covariates.standardised
    for fit in range(len(x)):
        for part in tables_of(x.shape[1], len(data.choices)):
            near = part[len(part) // 2]
            centre = np.log(draws["temperature"][fit].mean(axis=0))
            weights = draws["log_weight"][fit, near] if "log_weight" in draws else None
            table = _Table.of(data, x[fit, near], centre, similarity, weights)
            people = table.draw(len(part), rng) if z is None else table.draw_on(z, len(part), rng)
            for name, values in people.items():
                found[name][fit, part] = values
    terms = {name: v for name, v in _log_prior_terms(found, z).items() if name in draws}
    return draws | found | terms


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


def _pools(draws: dict[str, Floats]) -> tuple[str, ...]:
    return tuple(name for name in POOLS if name in draws)


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
        log_weight: Floats | None = None,
    ) -> "_Table":
        """Of the judgments, given coordinates (m, d) and log-temperatures to look around, (P,).

        ``log_weight`` (P, d), where people weigh the dimensions.
        """
        n_people = len(centre)
        counts = data.choices.given(n_people)
        width = np.clip(WIDTH / np.sqrt(np.maximum(counts, 1)), NARROWEST, WIDEST)
        grid = centre[:, None] + (width[:, None] * STEPS if n_people > 1 else np.zeros((1, 1)))
        kernel = find_kernel(similarity)
        lapse, tables = expit(LOGITS), np.zeros((n_people, len(LOGITS), grid.shape[1]))
        for group in data.choices.groups:
            known: dict[str, Any] = {"matrix": kernel.whole(x, group.shown.size)}
            if log_weight is not None:
                known = {"roots": np.exp(log_weight / 2)[group.judge]}
            question = group.question
            pairs = kernel.pairs(x, group.items, question.pairs, **known)
            pairs = tuple(side.astype(np.float32) for side in pairs)
            by_lapse = np.log(lapse * question.chance + (1 - lapse) * np.exp(BINS)[:, None])
            for place, column in enumerate(np.exp(grid.T).astype(np.float32)):
                noise = column[group.judge]
                (logs,) = log_choice(pairs, noise, question=question, answers=GIVEN)
                tables[:, :, place] += _by_bin(group.judge, logs, n_people) @ by_lapse
        return cls(tables, grid)

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw n times what the people are pooled by, then the people, by name."""
        if len(self.log_temperatures) == 1:
            weight = self.log_likelihood[0, :, 0] - 0.5 * ((LOGITS + 3.0) / 0.5) ** 2
            location = _jittered(LOGITS, pick(weight[None], n, rng)[:, 0], rng)
            return {"lapse_location": location, "lapse": expit(location)[:, None]}
        by_scale = np.stack([self._over_temperatures(scale) for scale in SCALES])
        highest = by_scale.max(axis=2, keepdims=True)
        marginal = np.log(np.exp(by_scale - highest) @ np.exp(_log_pool())) + highest
        pools = marginal.sum(axis=1).reshape(len(SCALES), len(LOCATIONS), -1) + _log_prior()
        picked = np.unravel_index(pick(pools.reshape(1, -1), n, rng)[:, 0], pools.shape)
        scales = np.exp(_jittered(np.log(SCALES), picked[0], rng))
        places = _jittered(LOCATIONS, picked[1], rng)
        spreads = np.exp(_jittered(np.log(SPREADS), picked[2], rng))
        lapse, log_t = np.empty((2, n, len(self.log_temperatures)))
        for row, (scale, place, spread) in enumerate(zip(scales, places, spreads, strict=True)):
            log_t[row], logit = self._people(scale, place, spread, 0.0, rng)
            lapse[row] = expit(logit)
        # The model's temperatures average to one: their mean is the scale of the embedding. Of
        # people who did not choose nothing is known, and it is left to those who did.
        chose = self.log_likelihood.any(axis=(1, 2))
        temperature = np.exp(log_t - log_t[:, chose].mean(axis=1, keepdims=True))
        return {
            "lapse": lapse,
            "temperature": temperature,
            "lapse_location": places,
            "lapse_spread": spreads,
            "temperature_spread": scales,
        }

    def draw_on(self, z: Floats, n: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw n times the same and slopes on covariates (P, C), by Gibbs sampling."""
        on_t: Floats = np.zeros(z.shape[1])
        on_l: Floats = np.zeros(z.shape[1])
        scale, place, spread = 0.3, -2.5, 0.8
        found: list[dict[str, Any]] = []
        for sweep in range(BURN + THIN * n):
            log_t, logit = self._people(scale, place + z @ on_l, spread, z @ on_t, rng)
            scale, place, spread = _pools_given(log_t - z @ on_t, logit - z @ on_l, rng)
            on_t, on_l = _slopes(z, log_t, scale, rng), _slopes(z, logit - place, spread, rng)
            if sweep >= BURN and (sweep - BURN) % THIN == 0:
                found.append(
                    {
                        "lapse": expit(logit),
                        "temperature": np.exp(log_t - log_t.mean()),
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

    def _over_temperatures(self, scale: float) -> Floats:
        """Likelihood of each person's lapse, over temperatures of this spread: (P, logits)."""
        # Shares of the grid: of a scale below its step a density would count for too much.
        prior = -0.5 * (self.log_temperatures / scale) ** 2
        prior -= logsumexp(prior, axis=1, keepdims=True)
        return np.asarray(logsumexp(self.log_likelihood + prior[:, None], axis=2))


def _pools_given(
    log_t: Floats, logit: Floats, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Draw spread of log-temperatures, location and spread of lapses, given the people (P,)."""
    prior, people = _log_prior(), len(log_t)
    log = prior[:, 0, 0] - 0.5 * (log_t**2).sum() / SCALES**2 - (people - 1) * np.log(SCALES)
    scale = np.exp(_jittered(np.log(SCALES), pick(log[None], 1, rng)[0], rng)[0])
    square = ((logit[:, None] - LOCATIONS) ** 2).sum(axis=0)
    grid = prior[0] - 0.5 * square[:, None] / SPREADS**2 - people * np.log(SPREADS)
    of_place, of_spread = np.unravel_index(pick(grid.reshape(1, -1), 1, rng)[0], grid.shape)
    spread = np.exp(_jittered(np.log(SPREADS), of_spread, rng)[0])
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
    spread = -0.5 * SPREADS**2 + np.log(SPREADS)
    return np.asarray(scale[:, None, None] + place[:, None] + spread)


def _log_pool() -> Floats:
    """Log share of each logit under the pools, (logits, locations x spreads)."""
    z = (LOGITS - LOCATIONS[:, None, None]) / SPREADS[:, None]
    log = -0.5 * z**2 - np.log(SPREADS)[:, None]
    return np.asarray((log - logsumexp(log, axis=-1, keepdims=True)).reshape(-1, len(LOGITS)).T)


def pick(weight: Floats, n: int, rng: np.random.Generator) -> Integers:
    """Draw n places by log weights (rows, places): shape (n, rows)."""
    chances = np.exp(weight - logsumexp(weight, axis=1, keepdims=True)).cumsum(axis=1)
    drawn = rng.random((n, len(weight), 1)) * chances[:, -1:]
    return np.asarray((drawn > chances).sum(axis=2), dtype=np.int64)


def _jittered(grid: Floats, places: Integers, rng: np.random.Generator) -> Floats:
    step = grid[1] - grid[0]
    return np.asarray(grid[places] + step * rng.uniform(-0.5, 0.5, len(places)))
