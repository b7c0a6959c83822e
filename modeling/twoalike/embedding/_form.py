"""What settings leave open: engine, similarity, prior, dimensions, and what informs the prior."""

import numpy as np

from twoalike.embedding._config import FitConfig
from twoalike.embedding._model import Data, Form, cheaper_whole
from twoalike.embedding._pilot import Pilot
from twoalike.embedding._spectrum import Spectrum
from twoalike.study import Floats, TwoalikeError, counted

MOST_MINUTES, QUICK_MINUTES = 10, 2
"""Most that a chain of nuts may take by estimate, and without a pilot."""
NUTS_COORDINATES = 5_000
STEPS_A_DRAW = 60
"""Gradients a draw of nuts, warm-up included: 30 to 80 in benchmarks/results/worlds.md."""
COMPONENTS = 50  # of the features that inform the prior mean


def resolve_form(
    data: Data, table: Floats | None, config: FitConfig, tried: Pilot | None = None
) -> tuple[Form, str, str]:
    """Decide what settings leave open, by a pilot if there was one: also the engine, and why."""
    similarity = allowed_similarities(config)[0] if tried is None else tried.taken.similarity
    offered = default_dimensions(data) if tried is None else tried.dimensions
    d = config.dimensions or offered
    # People who weigh dimensions have as many unknowns as objects have.
    rows = len(data.ids) + (len(data.participants) if config.people == "weights" else 0)
    engine, why = choose_engine(data.size, rows, d, config)
    prior = choose_prior(config.prior, engine, similarity, with_features=table is not None)
    return Form(d, prior, similarity, table, config.people == "weights"), engine, why


def allowed_similarities(config: FitConfig) -> tuple[str, ...]:
    """Similarities that the settings allow, the usual one first."""
    if config.similarity != "auto":
        return (config.similarity,)
    if config.prior == "auto":
        return ("dot", "distance")
    return ("distance",) if config.prior == "gaussian" else ("dot",)


def choose_engine(n: int, m: int, d: int, config: FitConfig) -> tuple[str, str]:
    """Resolve the engine of n judgments of m objects in d dimensions, and say why.

    ``auto`` samples where a chain ends in reasonable time and has few enough coordinates to mix:
    where judgments are few for the objects, its intervals hold what those of ``vi`` do not
    (benchmarks/results/lab.md, worlds.md).
    """
    minutes, most = nuts_minutes(n, m, d, config), QUICK_MINUTES if config.quick else MOST_MINUTES
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


def nuts_minutes(n: int, m: int, d: int, config: FitConfig) -> float:
    """Estimate the minutes that one chain of ``nuts`` takes on a core, of the same arguments.

    The same on every machine, so that the same data are fitted by the same engine everywhere.
    """
    # With weights similarities are of each judgment, not of all pairs.
    times = 3 if config.people == "weights" else 1
    gradient = 1e-4 + times * 70e-9 * n + 0.4e-9 * m**2 * d
    return (config.tune + (config.draws or 300)) * STEPS_A_DRAW * gradient / 60


def vi_minutes(n: int, m: int, d: int, config: FitConfig) -> float:
    """Estimate the minutes that all fits of ``vi`` take, of the same arguments."""
    from twoalike.embedding._vi import FITS, plan_steps

    plan = plan_steps(config, n, m, weights=config.people == "weights")
    whole = config.people != "weights" and cheaper_whole(m, plan.batch)
    step = 1e-4 + 70e-9 * plan.batch + 1e-8 * m * d**2 + 0.4e-9 * m**2 * d * whole
    return (config.chains or FITS) * plan.steps * step / 60


def choose_prior(prior: str, engine: str, similarity: str, *, with_features: bool) -> str:
    """Resolve ``auto``, and check that prior, similarity and features go together.

    For distances the Gaussian; else the softplus Gaussian with features or for ``vi``, and
    spike-and-slab for ``nuts``: a Gaussian approximation of a mixture stays with the component it
    fell into.
    """
    if prior == "auto":
        if similarity == "distance":
            return "gaussian"
        return "softplus" if with_features or engine == "vi" else "spike-and-slab"
    if (prior == "gaussian") != (similarity == "distance"):
        raise TwoalikeError(
            f"the prior {prior!r} does not go with the similarity {similarity!r}: gaussian is for "
            "distances, spike-and-slab and softplus are for dot products",
            remedy="Leave `prior=...` out.",
        )
    if with_features and prior == "spike-and-slab":
        raise TwoalikeError(
            "features inform the priors 'softplus' and 'gaussian' only, found 'spike-and-slab'",
            remedy="Leave `prior=...` out.",
        )
    return prior


def default_dimensions(data: Data) -> int:
    """Give a number of dimensions to start from: more than are needed, bounded for memory.

    Not many more, where the spectrum of the choices tells: those that only noise fills make the
    whole fit worse.
    """
    most = int(np.clip(np.ceil(2 * np.sqrt(len(data.ids))), 4, 50))
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
