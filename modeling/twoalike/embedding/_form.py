"""What settings leave open: engine, similarity, prior, dimensions, and what informs the prior.

A pilot tries both similarities on held-out judgments, and how many dimensions matter. Its fits are
short and variational, whatever engine follows. Few judgments are held out in turn, a fifth at a
time, so that all of them tell the two similarities apart; of many, a tenth is enough. Where people
judged much, one more fit shows whether they weigh the dimensions differently.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from twoalike.embedding._choices import ChoiceGroup, Choices, held_losses
from twoalike.embedding._config import FitConfig
from twoalike.embedding._draws import importance
from twoalike.embedding._model import Data, Form
from twoalike.embedding._observers import Draw, drawn
from twoalike.embedding._posterior import SURE
from twoalike.embedding._priors import Prior, cheaper_whole, find_kernel, find_prior
from twoalike.embedding._spectrum import Spectrum
from twoalike.embedding._terms import Expected, term_gains
from twoalike.study import Floats, Integers, TwoalikeError, counted

MOST_MINUTES, QUICK_MINUTES = 5, 2
"""Most that a chain of nuts may take by estimate, and without a pilot."""
CHAIN_S, MOST_THIN = 30.0, 4
"""Seconds up to which a chain is made longer, and how many times as long it may become."""
NUTS_COORDINATES = 5_000
STEPS_A_DRAW = 60
"""Gradients a draw of nuts: 31 to 82 on 200 clips (docs/decisions/modeling.md)."""
JUDGMENT_S = {"ratings": 70e-9, "dissimilarities": 8e-9, "sortings": 250e-9}
"""Seconds of a gradient for each judgment, by kind; of a choice:"""
CHOICE_S = 45e-9
COMPILE_S = 15.0
"""Seconds of a variational fit before its first step, and of people after the last."""
COMPONENTS = 50  # of the features that inform the prior mean
STEPS = 1000
DRAWS = 20
FEWEST = 100
"""Judgments below which nothing is tried: held-out ones would say nothing."""
FOLDS, SCORED = 5, 5_000
"""Fifths are held out in turn until so many judgments are scored, or all."""
MANY = 20_000
"""Judgments from which a tenth is held out once."""
FITS = 2
"""At least, of a similarity: dot products gain more by a mixture of fits than distances do."""
FEWEST_PEOPLE, MUCH = 5, 100
"""People, and judgments a person (median), from which on weights of the dimensions are tried."""
WEIGHT = 0.01
"""Importance from which on a dimension of a short fit counts: it leaves little in many others."""
MANY_EACH = 30
"""Judgments an object from which on coordinates in a space of distances are well known."""
SPARE = 1.5
"""Dimensions that are fitted for each that counts, and two more: a short fit may miss some."""
LEAST = 0.4
"""Smallest share of the dimensions offered that is fitted, since many objects have many small ones,
which a short fit has not found yet."""


@dataclass(frozen=True)
class Trial:
    """One similarity: log-loss of each judgment held out, (n,), and dimensions with weight."""

    similarity: str
    losses: Floats
    dimensions: int
    expected: tuple[Expected, ...] = ()


@dataclass(frozen=True)
class Pilot:
    """What was tried, and what follows from it.

    ``weighted`` is the best similarity with weights of the dimensions by person, tried on the first
    of the judgments held out, if it was. With ``weights`` everything was tried with them.
    ``gains`` by term, of each judgment held out, are those of one term alone. ``sampled`` is
    whether chains follow. ``sources``, if there are any: what they gain of each judgment held out.
    """

    trials: tuple[Trial, ...]
    offered: int  # dimensions
    weighted: Trial | None = None
    weights: bool = False
    gains: Mapping[str, Floats] = field(default_factory=dict)
    sampled: bool = True
    sources: Floats | None = None

    @property
    def trusted(self) -> bool:
        """Whether sources are fitted: people's held-out judgments are predicted no worse."""
        return self.sources is None or bool(self.sources.mean() >= 0)

    @property
    def taken(self) -> Trial:
        """The similarity with the lowest held-out log-loss, if that is sure; else the usual one.

        That is distances, since their chains mix; of ``vi`` dot products, which gain more by fits
        that come after the pilot's.
        """
        usual = self.trials[-1 if self.sampled else 0]
        best = min(self.trials, key=lambda one: float(one.losses.mean()))
        gain = usual.losses - best.losses
        return best if gain.mean() > SURE * gain.std() / np.sqrt(len(gain)) else usual

    @property
    def dimensions(self) -> int:
        """Dimensions to fit."""
        needed = int(np.ceil(SPARE * self.taken.dimensions)) + 2
        return min(max(needed, int(np.ceil(LEAST * self.offered))), self.offered)

    def described(self) -> dict[str, Any]:
        """Give what the posterior's file says of it."""
        taken = self.taken
        found: dict[str, Any] = {
            "people": "weights" if self.weights else "noise",
            "judgments": len(taken.losses),
            "offered": self.offered,
            "taken": taken.similarity,
            "tried": [
                {
                    "similarity": trial.similarity,
                    "log_loss": round(float(trial.losses.mean()), 5),
                    **_with_error("minus_taken", trial.losses - taken.losses),
                    "dimensions": trial.dimensions,
                }
                for trial in self.trials
            ],
        }
        if self.weighted is not None:
            gain = taken.losses[: len(self.weighted.losses)] - self.weighted.losses
            found["weights"] = {"judgments": len(gain), **_with_error("gain", gain)}
        if self.sources is not None:
            found["sources"] = _with_error("gain", self.sources) | {"fitted": self.trusted}
        if self.gains:
            found["terms"] = {name: _with_error("gain", of) for name, of in self.gains.items()}
        return found


def _with_error(name: str, values: Floats) -> dict[str, float]:
    """Mean of values, in nats a judgment, with its standard error."""
    error = float(values.std() / np.sqrt(len(values)))
    return {name: round(float(values.mean()), 5), f"{name}_se": round(error, 5)}


def run_pilot(
    data: Data, form_of: Callable[[str], Form], similarities: tuple[str, ...], config: FitConfig
) -> Pilot:
    """Fit each similarity without some judgments, and score it on these.

    ``form_of`` gives what is fitted with a similarity. Whether people weigh the dimensions is tried
    unless the settings name it. Sources have to predict people: else the pilot is of people alone.
    """
    if data.answered:
        alone = run_pilot(data.of_people(), form_of, similarities, config)
        both = _pilot(data, form_of, similarities, config)
        gain = alone.taken.losses - both.taken.losses
        return replace(both if gain.mean() >= 0 else alone, sources=gain)
    return _pilot(data, form_of, similarities, config)


def _pilot(
    data: Data, form_of: Callable[[str], Form], similarities: tuple[str, ...], config: FitConfig
) -> Pilot:
    folds = _folds(data.choices, config.seed)
    trials = tuple(_try(data, form_of(one), folds, config) for one in similarities)
    first = form_of(similarities[0])
    sampled = resolve_form(data, first.features, config)[1] == "nuts"
    pilot = Pilot(trials, first.dimensions, weights=first.weights, sampled=sampled)
    if data.choices.terms:
        pilot = replace(pilot, gains=term_gains(pilot.taken.expected, config.seed))
    counts = data.choices.given(len(data.participants))
    much = len(counts) >= FEWEST_PEOPLE and np.median(counts) >= MUCH
    if "people" in config.model_fields_set or not much:
        return pilot
    form = replace(form_of(pilot.taken.similarity), weights=True)
    return replace(pilot, weighted=_try(data.everybody(), form, folds[:1], config))


def _folds(choices: Choices, seed: int) -> list[Integers]:
    """Choices to hold out, by fold, as positions among all.

    All folds have equally many of each question, so that one program fits all.
    """
    rng, many = np.random.default_rng([seed, 4]), len(choices) >= MANY
    enough = int(np.ceil(SCORED * FOLDS / len(choices)))
    folds: list[list[Integers]] = [[] for _ in range(1 if many else min(FOLDS, enough))]
    for group, here in zip(choices.groups, choices.slices, strict=True):
        order = here.start + rng.permutation(group.size)
        size = group.size // (10 if many else FOLDS)
        for number, fold in enumerate(folds):
            fold.append(order[number * size : (number + 1) * size])
    return [np.concatenate(fold) for fold in folds]


def _try(data: Data, form: Form, folds: list[Integers], config: FitConfig) -> Trial:
    from twoalike.embedding._vi import fit_vi

    n = len(data.choices)
    copies = FITS if n >= MANY else 1
    short = config.model_copy(update={"steps": config.steps or STEPS, "draws": DRAWS})
    plain = data.with_choices(data.choices.with_terms(None))
    parts = [plain.take(np.setdiff1d(np.arange(n), rows)) for rows in folds for _ in range(copies)]
    title = f"pilot, {form.similarity}" + (", weights by person" if form.weights else "")
    draws, _ = fit_vi(plain, form, config=short, parts=parts, title=title)
    kernel, losses, expected = find_kernel(form.similarity), [], list[Expected]()
    of_draw = ["embedding", "temperature", "lapse", *["log_weight"] * form.weights]
    for fold, rows in enumerate(folds):
        own = slice(copies * fold, copies * (fold + 1))
        found = {name: draws[name][own].reshape(-1, *draws[name].shape[2:]) for name in of_draw}
        held, each = data.choices.take(rows), list(drawn(found, kernel))
        losses.append(held_losses(each, held))
        if data.choices.terms:
            expected += map(partial(_expected, each), held.groups)
    counts = [_with_weight(fold.mean(axis=0), form.similarity) for fold in draws["embedding"]]
    weighty = int(np.median(counts))
    return Trial(form.similarity, np.concatenate(losses), weighty, tuple(expected))


def _expected(draws: list[Draw], group: ChoiceGroup) -> Expected:
    asked = group.shown, group.question, group.judge
    own = [np.stack(draw.pairs(*asked), 1) / draw.temperature[group.judge, None] for draw in draws]
    lapse = [draw.lapse[group.judge] for draw in draws]
    return Expected(group, np.mean(own, axis=0), np.mean(lapse, axis=0))


def _with_weight(x: Floats, similarity: str) -> int:
    """Count the dimensions of one fit that carry weight, by its mean embedding, (m, d).

    Distances know no axes: there it is the principal ones that count.
    """
    if similarity == "distance":
        size = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
        return int((size >= WEIGHT * size.sum()).sum())
    return int((importance(x[None, None]) >= WEIGHT).sum())


def resolve_form(
    data: Data, table: Floats | None, config: FitConfig, tried: Pilot | None = None
) -> tuple[Form, str, str]:
    """Decide what settings leave open, by a pilot if there was one: also the engine, and why."""
    # Distances predict ratings as well, and chains mix better (docs/decisions/modeling.md).
    usual = allowed_similarities(config)[0 if len(data.choices) else -1]
    similarity = usual if tried is None else tried.taken.similarity
    offered = default_dimensions(data) if tried is None else tried.dimensions
    d = config.dimensions or offered
    engine, why = choose_engine(*sizes(data, config, d), config, seconds_each(data))
    if config.engine == "auto" and data.answered:
        engine, why = "vi", "beside sources that agree, nuts may take people for guessers"
    prior = choose_prior(config.prior, similarity, data, with_features=table is not None)
    weights = config.people == "weights"
    form = Form(d, prior, similarity, table, weights, config.observers, data.choices.terms)
    return form, engine, why


def sizes(data: Data, config: FitConfig, d: int) -> tuple[int, int, int]:
    """Judgments, rows of unknowns (objects, and people who weigh dimensions), and dimensions."""
    people = len(data.participants) if config.people == "weights" else 0
    return data.size, len(data.ids) + people, d


def allowed_similarities(config: FitConfig) -> tuple[str, ...]:
    """Similarities that the settings allow, the usual one first."""
    if config.similarity != "auto":
        return (config.similarity,)
    if config.prior == "auto":
        return ("dot", "distance")
    return (find_prior(config.prior).similarity,)


def seconds_each(data: Data) -> float:
    """Seconds that a judgment takes of a gradient, the mean over those of all kinds."""
    each = [JUDGMENT_S.get(kind.kind, CHOICE_S) for kind in data.kinds]
    return float(np.average(each, weights=[max(kind.size, 1) for kind in data.kinds]))


def choose_engine(
    n: int, m: int, d: int, config: FitConfig, each: float = CHOICE_S
) -> tuple[str, str]:
    """Resolve the engine of n judgments of m objects in d dimensions, and say why.

    ``auto`` samples where a chain ends in reasonable time and has few enough coordinates to mix:
    where judgments are few for the objects, its intervals hold what those of ``vi`` do not
    (benchmarks/results/lab.md, worlds.md).
    """
    most = QUICK_MINUTES if config.quick else MOST_MINUTES
    minutes = nuts_plan(n, m, d, config, each)[1]
    chain = f"a chain takes about {counted(max(round(minutes), 1), 'minute')}"
    fits = f"the fits take about {counted(max(round(vi_minutes(n, m, d, config)), 1), 'minute')}"
    if config.engine != "auto":
        return config.engine, f"asked for; {chain if config.engine == 'nuts' else fits}"
    size = f"{n:,} judgments and {m * d:,} coordinates"
    if minutes > most:
        why = f"a chain of nuts would take {minutes:.1f} minutes, more than {most}"
        return "vi", f"{size}: {why}; {fits}"
    if m * d > NUTS_COORDINATES:
        return (
            "vi",
            f"{size}: more than the {NUTS_COORDINATES:,} with which nuts mixes well; {fits}",
        )
    return "nuts", f"{size}: {chain}"


def nuts_plan(
    n: int, m: int, d: int, config: FitConfig, each: float = CHOICE_S
) -> tuple[int, float]:
    """Of how many draws of ``nuts`` one is kept, and the minutes that a chain takes on a core.

    Of the same arguments; the same on every machine, so that the same data are fitted alike
    everywhere. What is cheap to sample has few judgments, of which chains mix slowly.
    """
    # With weights similarities are of each judgment, not of all pairs.
    times = 3 if config.people == "weights" else 1
    draw = STEPS_A_DRAW * (1e-4 + times * each * n + 0.25e-9 * m**2 * d)
    kept = config.draws or 300
    most = 1 if config.quick else MOST_THIN
    thin = config.thin or int(np.clip((CHAIN_S / draw - config.tune) // kept, 1, most))
    return thin, (config.tune + thin * kept) * draw / 60


def vi_minutes(n: int, m: int, d: int, config: FitConfig) -> float:
    """Estimate the minutes that all fits of ``vi`` take, of the same arguments."""
    from twoalike.embedding._vi import MOST_ENTRIES, plan_steps

    plan = plan_steps(config, n, m, weights=config.people == "weights")
    whole = config.people != "weights" and cheaper_whole(m, plan.batch)
    gathered = 2.5e-9 * plan.batch * (d + 20) + 60e-9 * m * d
    judged = 45e-9 * plan.batch + 0.1e-9 * m**2 * d if whole else gathered
    step = 1e-4 + judged + 1.5e-9 * m * d**2 * (m * d**2 <= MOST_ENTRIES)
    return (COMPILE_S + plan.fits * plan.steps * step) / 60


def choose_prior(
    prior: str | Prior, similarity: str, data: Data, *, with_features: bool
) -> str | Prior:
    """Resolve ``auto``, and check that prior, similarity and features go together.

    For dot products the softplus Gaussian: under spike-and-slab chains change the component of a
    coordinate too rarely, and an approximation stays with the one it fell into. For distances the
    Gaussian where judgments are few, and Student's where they are many: which of the two chains go
    through with ease depends on how well coordinates are known.
    """
    if prior == "auto":
        if similarity == "dot":
            return "softplus"
        return "gaussian" if with_features or data.size < MANY_EACH * len(data.ids) else "student"
    known = find_prior(prior)
    if known.similarity != similarity:
        raise TwoalikeError(
            f"the prior {str(prior)!r} is for the similarity {known.similarity!r}, found "
            f"{similarity!r}",
            remedy="Leave `prior=...` out.",
        )
    if with_features and not known.with_features:
        raise TwoalikeError(
            f"the prior {str(prior)!r} takes no features, found some",
            remedy="Leave `prior=...` out.",
        )
    return prior


def default_dimensions(data: Data) -> int:
    """Give a number of dimensions to start from: more than are needed, bounded for memory.

    Not many more, where the spectrum of the choices tells: those that only noise fills make the
    whole fit worse. Distances, which other judgments are fitted by, need half as many.
    """
    each = 2 if len(data.choices) else 1
    most = int(np.clip(np.ceil(each * np.sqrt(len(data.ids))), 4, 50))
    spectrum = Spectrum.of(data, "dot")
    return most if spectrum is None else min(most, spectrum.dimensions)


def reduce_features(values: Floats) -> Floats:
    """Leading principal components of standardised features, the first of unit variance, (m, q).

    A map of a few components can be learnt from few judgments; one of a thousand features cannot.
    """
    z = values.astype(np.float64) - values.mean(axis=0)
    sd = z.std(axis=0)
    z = z[:, sd > 1e-8] / sd[sd > 1e-8]
    if not z.shape[1]:
        raise TwoalikeError(
            expected="features that differ between objects",
            found=f"{values.shape[1]} that are the same for all {len(values)}",
            remedy="Check `features=...` and the backbone that made them.",
        )
    keep = min(COMPONENTS, len(z) - 1, z.shape[1])
    left, size, _ = np.linalg.svd(z, full_matrices=False)
    keep = min(keep, int((size > 1e-6 * size[0]).sum()))  # repeated features span less
    share = size[:keep] / size[0]
    return np.asarray(left[:, :keep] * share * np.sqrt(len(z)), dtype=np.float32)
