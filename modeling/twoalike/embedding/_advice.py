"""Whether a fit has converged, and what weakens it, in sentences that say what to do about it.

Convergence is judged on what is used and what judgments identify: choice probabilities, and
similarities less their mean, which choices leave open. Coordinates cannot tell: columns may be
exchanged, and near-empty ones change places within a chain. A chain is a Markov chain of ``nuts``,
or one of several independent fits of ``vi``. For both the verdict has two parts: predictions are
stable if chains predict alike, or averages of as many fits as there are; intervals are usable if
chains mix, by R-hat and effective draws.

Part of what weakens a fit is known from the judgments alone: objects judged never or once, and
islands of objects that were never compared with one another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import TRIPLET, random_triplets
from twoalike.embedding._follow import Comparison, KindChecks
from twoalike.embedding._loo import LeaveOneOut
from twoalike.embedding._model import Data
from twoalike.embedding._observers import Draw
from twoalike.embedding._predictive import Predictive
from twoalike.embedding._priors import find_kernel
from twoalike.study import Floats, Integers

RHAT_LIMIT = 1.05
"""Largest R-hat of 95 % of the choice probabilities, and of the similarities, that will do."""
ENOUGH_ESS = 100
"""Effective draws that 95 % of them need: with fewer, the ends of an interval are rough."""
APART_LIMIT, COST_LIMIT = 2.0, 0.002
"""Largest mean difference of two chains' choice probabilities, in percentage points, and by how
many nats a judgment one may predict worse than all together; of ``vi``, of two runs."""
N_TRIPLETS = 100


def judged_triplets(m: int, seed: int, n: int = N_TRIPLETS) -> Integers:
    """Random triplets of m objects on which convergence is judged, shape (n, 3)."""
    return random_triplets(m, n, np.random.default_rng([seed, 1]))


def scaled_alike(x: Floats, similarity: str) -> Floats:
    """Draws, (chains, draws, m, d), with equally spread similarities in all of them.

    Judgments without choices do not tell the scale of an embedding.
    """
    kernel, pairs = find_kernel(similarity), np.triu_indices(x.shape[2], 1)
    spread = np.array([[kernel.matrix(draw, draw)[pairs].std() for draw in chain] for chain in x])
    factor = spread.mean() / np.maximum(spread, 1e-12)
    power = 0.5 if similarity == "dot" else 1.0
    return np.asarray(x * factor[:, :, None, None] ** power, dtype=x.dtype)


def predictions(x: Floats, triplets: Integers, similarity: str = "dot") -> tuple[Floats, Floats]:
    """Choice probabilities, (chains, draws, n, 3), and similarities of items 1 and 2.

    Draws ``x`` have shape (chains, draws, m, d), triplets (n, 3). Similarities, (chains, draws, n),
    are less their mean over the triplets.
    """
    kernel, typical = find_kernel(similarity), np.ones(1)
    shape = (*x.shape[:2], len(triplets))
    p, s = np.empty((*shape, 3)), np.empty(shape)
    for place in np.ndindex(*x.shape[:2]):
        draw = Draw(x[place], kernel, typical, 1 - typical)
        pairs = draw.pairs(triplets, TRIPLET)
        p[place], s[place] = draw.answers(triplets, TRIPLET, lapse=False), pairs[0] - np.mean(pairs)
    return p, s


def mixing(values: Floats) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Rank-normalised split R-hat and bulk effective draws (doi:10.1214/20-BA1221), (n,) each.

    Values have shape (chains, draws, n). NaN where there are too few draws; a quantity that is the
    same in all draws has R-hat 1.
    """
    from arviz_stats.base import array_stats

    if values.shape[1] < 4:
        missing = np.full(values.shape[2], np.nan)
        return missing, missing
    rhat = np.ones(values.shape[2])
    ess = np.full(values.shape[2], float(values.shape[0] * values.shape[1]))
    moving = np.ptp(values, axis=(0, 1)) > 1e-12
    if moving.any():
        some = values[..., moving]
        rhat[moving] = array_stats.rhat(some, chain_axis=0, draw_axis=1)
        ess[moving] = array_stats.ess(some, chain_axis=0, draw_axis=1)
    return rhat, ess


def chain_convergence(
    x: Floats,
    stats: dict[str, Floats],
    seed: int,
    similarity: str = "dot",
    *,
    chosen: bool = True,
    independent: bool = False,
) -> dict[str, Any]:
    """R-hat and ESS over chains for random triplets and pairs, and how the chains compare.

    ``x`` are draws, shape (chains, draws, m, d), of which a single chain is compared by its halves;
    ``stats`` holds ``logp``, ``step_size`` and ``diverging``, (chains, draws) each, as far as the
    engine has them. ``chosen``: whether there were choices, which alone tell the scale of the
    embedding. ``ess_05``: 5 % of the quantities have fewer effective draws.

    ``independent``: chains are k fits of one distribution of fits, whose average is what predicts.
    The averages of two runs then differ by the root of k less than two fits (``runs_apart``), and
    one run predicts worse than endless fits would by ``fits_cost`` over k - 1 (``runs_cost``).
    """
    result: dict[str, Any] = {}
    if not chosen:
        x = scaled_alike(x, similarity)
    if len(x) == 1:
        half = x.shape[1] // 2
        x = np.stack([x[0, :half], x[0, half : 2 * half]])
    p, s = predictions(x, judged_triplets(x.shape[2], seed), similarity)
    for name, values in (("choice", p[..., 0]), ("similarity", s)):
        rhat, ess = mixing(values)
        result |= {
            f"{name}_rhat_95": round(float(np.quantile(rhat, 0.95)), 4),
            f"{name}_rhat_max": round(float(rhat.max()), 4),
            f"{name}_ess_median": round(float(np.median(ess)), 1),
            f"{name}_ess_05": round(float(np.quantile(ess, 0.05)), 1),
        }
    result |= differences(p)
    if "logp" in stats:
        result["chain_log_density"] = [round(float(v), 1) for v in stats["logp"].mean(axis=1)]
    if "step_size" in stats:
        result["chain_step_size"] = [round(float(v[-1]), 5) for v in stats["step_size"]]
    if "diverging" in stats:
        result["divergences"] = int(stats["diverging"].sum())
    apart, cost = result["fits_apart"], result["fits_cost"]
    if independent:
        apart, cost = apart / np.sqrt(len(x)), cost / (len(x) - 1)
        result |= {"runs_apart": round(float(apart), 3), "runs_cost": round(cost, 5)}
    # A comparison with NaN is false: too few draws to tell is not convergence.
    alike = apart <= APART_LIMIT and cost <= COST_LIMIT
    mixed = max(result["choice_rhat_95"], result["similarity_rhat_95"]) <= RHAT_LIMIT
    enough = min(result["choice_ess_05"], result["similarity_ess_05"]) >= ENOUGH_ESS
    return {"predictions": bool(alike), "intervals": bool(alike and mixed and enough), **result}


def differences(p: Floats) -> dict[str, float]:
    """How far choice probabilities of chains are apart, (chains, S, n, 3).

    ``fits_apart`` is the mean difference of two chains in percentage points; ``fits_cost`` by how
    many nats a judgment one predicts worse than all together, if these are right.
    """
    each = p.mean(axis=1)
    first, second = np.triu_indices(len(each), 1)
    together = each.mean(axis=0)
    cost = (together * np.log(together / np.maximum(each, 1e-30))).sum(axis=-1)
    return {
        "fits_apart": round(100 * float(np.abs(each[first] - each[second]).mean()), 3),
        "fits_cost": round(float(cost.mean()), 5),
    }


def with_chains(
    known: dict[str, Any],
    x: Floats,
    stats: dict[str, Floats],
    *,
    engine: str,
    seed: int,
    of: tuple[str, bool] = ("dot", True),
) -> dict[str, Any]:
    """Add to what is known of a fit how its chains compare.

    A fit that the known figures call unsettled has no stable predictions, whatever its chains say.
    A single chain of another engine than ``nuts`` mixes by construction: it shows nothing of
    intervals. ``of`` is the similarity, and whether there were choices.
    """
    if x.shape[0] == 1 and engine != "nuts":
        return {**known, "intervals": False}
    told = {"chosen": of[1], "independent": engine == "vi"}
    chains = chain_convergence(x, stats, seed, of[0], **told)
    parts = ("predictions", "intervals")
    settled = {part: known.get("predictions", True) and chains[part] for part in parts}
    return {**known, **chains, **settled}


def optimiser_convergence(losses: Floats) -> dict[str, Any]:
    """Whether the evidence bound of every fit has settled, from losses (fits, chunks of steps).

    The last tenth is compared with the one before. The bound is noisy: a change counts when it is
    larger than three standard errors of the mean and than a hundredth of a nat a judgment, which
    held-out log-loss would hardly show. ``loss_change`` is that of the fit that moved most.
    """
    tenth = max(losses.shape[1] // 10, 1)
    last, before = losses[:, -tenth:], losses[:, -2 * tenth : -tenth]
    change = before.mean(axis=1) - last.mean(axis=1)
    noise = last.std(axis=1) / np.sqrt(tenth)
    # A comparison with NaN is false: a bound that is no number has not settled.
    settled = np.abs(change) <= np.maximum(0.01, 3 * noise)
    return {
        "predictions": bool(settled.all()),
        "loss": round(float(last.mean()), 5),
        "loss_change": round(float(change[np.argmax(np.abs(change))]), 5),
    }


NAMED = 5
"""Objects of a kind, or people, that are named."""


def describe_links(data: Data) -> dict[str, Any]:
    """Count what a posterior knows from its prior alone.

    Similarities between two islands, groups of objects of which no judgment holds one of each, are
    the prior's; so is everything about an object that was never judged. ``never`` and ``once`` are
    the numbers of objects in no judgment and in one; ``islands`` the sizes of the groups, largest
    first; ``*_named`` the first few of each.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    m, kinds = len(data.ids), [kind for kind in data.kinds if kind.of_people]
    times = sum((kind.seen() for kind in kinds), np.zeros(m, dtype=np.int64))
    pairs = [pair for kind in kinds for group in kind.groups for pair in group.links()]
    left, right = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(m, m))
    _, label = connected_components(graph, directed=False)
    seen = np.flatnonzero(times)
    _, first, sizes = np.unique(label[seen], return_index=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    found: dict[str, Any] = {}
    for name, rows in (("never", np.flatnonzero(times == 0)), ("once", np.flatnonzero(times == 1))):
        found |= {name: len(rows), f"{name}_named": [data.ids[row] for row in rows[:NAMED]]}
    found["islands"] = sizes[order].tolist()
    found["islands_named"] = [data.ids[seen[first[place]]] for place in order[:NAMED]]
    return found


def link_warnings(links: dict[str, Any]) -> list[str]:
    """Describe what :func:`describe_links` found, one sentence each; nothing if all is linked."""

    def named(name: str, number: int) -> str:
        more = ", ..." if number > len(links[f"{name}_named"]) else ""
        return ", ".join(links[f"{name}_named"]) + more

    said = []
    if len(links.get("islands", ())) > 1:
        sizes = ", ".join(map(str, links["islands"][:NAMED]))
        said.append(
            f"{len(links['islands'])} islands of objects ({sizes} objects; such as "
            f"{named('islands', len(links['islands']))}) were never compared with one "
            "another: similarities between them are the prior's. Judge triplets that mix them."
        )
    if number := links.get("arranged", 0):
        said.append(
            f"{number:,} of the dissimilarities were computed from arrangements, which lost what "
            "did not fit into a plane: there are no intervals. Fit the arrangements themselves, if "
            "they exist."
        )
    for name, words in (("never", "in no judgment"), ("once", "in one judgment only")):
        if number := links.get(name, 0):
            said.append(
                f"{number} of the objects {'is' if number == 1 else 'are'} {words} "
                f"({named(name, number)}): their intervals are wide."
            )
    return said


MANY_HIGH_K = 0.01  # share of judgments whose leave-one-out estimate cannot be trusted
UNLIKELY = 0.01  # p-value of a predictive check, on either side
_CLOSELY = "more closely", "less closely"
_OFTEN = "more often", "less often"
_EXPECTS, _AGAIN = "than the model expects", "than the model would have them again"
_TOO_SURE = "the draws are too sure of what they were fitted to."
_MISSES = "the embedding misses structure that they have."
MEANING: Mapping[str, tuple[str, tuple[str, str], str, str, str]] = {
    "agreement": (
        *("Judgments follow the draws", _CLOSELY, _AGAIN),
        *(_TOO_SURE, "it misses something of the task."),
    ),
    "consistency": (
        *("People repeat their own answers", _OFTEN, _EXPECTS),
        "they remember, or hold views of their own, so that repeats tell less than they count.",
        "their views or their care change in the course of the study.",
    ),
    "consensus": (
        *("Two people give the same answer", _OFTEN, _EXPECTS),
        "the embedding misses structure that people share.",
        "people differ in what they find alike, which one embedding cannot show.",
    ),
    "arrangements": (
        *("Layouts keep the embedding's distances", ("better", "less well"), _AGAIN),
        "people place by distance, which a random view of the objects keeps less well, so that "
        "the model learns less from layouts than they tell.",
        "people place by something that the embedding misses, or at random. Look at who stands "
        "out.",
    ),
    "dissimilarities": (
        *("Dissimilarities follow the embedding", _CLOSELY, _AGAIN),
        *(_TOO_SURE, _MISSES),
    ),
    "ratings": (*("Ratings follow the embedding", _CLOSELY, _AGAIN), *(_TOO_SURE, _MISSES)),
    "sortings": (
        *("Piles follow the embedding", _CLOSELY, _AGAIN),
        "people compare all objects at once, where the model takes them one by one, so that it "
        "learns less from piles than they tell.",
        "people sort by something that the embedding misses, or at random. Look at who stands out.",
    ),
}
"""What an unlikely check says: whose, how much more or less, than what; what more and less mean."""
ACTS = {
    "arrangements": "place objects less by likeness",
    "dissimilarities": "follow the embedding less closely",
    "ratings": "rate pairs less by likeness",
    "sortings": "sort objects less by likeness",
}
"""What those do who stand out, by the checks that are correlations and no shares of cases."""
MISFITS = {name: False for name in ("agreement", *ACTS)} | {"consensus": True}
"""Checks that more dimensions may mend, by whether more was observed."""


SPARE_SHARE = 0.01
"""Importance below which a dimension shows that there are enough."""


def has_spare(dimensions: Mapping[str, Any]) -> bool:
    """Whether some of a posterior's dimensions, its attribute, are empty or nearly so."""
    shares = dimensions.get("importance", ())
    dropped = dimensions.get("kept", 0) < dimensions.get("fitted", 0)
    return dropped or min(shares, default=1.0) < SPARE_SHARE


def advise(
    engine: str,
    state: Mapping[str, Any],
    predictive: Predictive | None = None,
    loo: LeaveOneOut | None = None,
    distances: Sequence[KindChecks] = (),
    *,
    spare: bool = False,
) -> list[str]:
    """Say what is wrong with a fit and what would mend it; nothing of a fit that is sound.

    ``state`` has the figures of convergence, as the posterior stores them; checks of choices,
    leave-one-out, and checks of other judgments are added where there are any. ``spare``:
    some dimensions are empty (:func:`has_spare`), so that fewer may be fitted and more would change
    nothing.
    """
    advice = [_on_chains(engine, state, spare=spare), _on_optimiser(engine, state)]
    if state.get("divergences", 0):
        advice.append(
            f"{state['divergences']} transitions diverged: the sampler may have left out a "
            "narrow part of the posterior. Try another `prior=...`, or more warm-up (`tune=...`)."
        )
    ess = min(state.get("choice_ess_05", np.inf), state.get("similarity_ess_05", np.inf))
    if ess < ENOUGH_ESS and not advice[0]:  # of chains that disagree few draws count
        advice.append(
            f"A twentieth of the quantities have fewer than {ess:.0f} effective draws, so that "
            "intervals are rough. Keep more `draws=...`."
        )
    for check in [] if predictive is None else predictive.checks:
        if check.name in ("agreement", "consistency", "consensus"):
            advice.append(_on_check(check, spare=spare))
        elif said := _on_check(replace(check, name="agreement"), spare=spare):  # of a question
            advice.append(f"{check.name[:1].upper()}{check.name[1:]}: {said}")
    for found in distances:
        advice += [_on_check(found.follow, spare=spare), *_on_people(found)]
    if loo is not None and loo.k_high > MANY_HIGH_K:
        other = "" if engine == "nuts" else ", or fit with `engine=nuts`"
        wrong = "too good" if engine == "nuts" else "rough, for `vi` mostly too pessimistic"
        advice.append(
            f"Pareto k is above {loo.k_limit:.2f} for {loo.k_high:.1%} of the judgments: "
            f"leave-one-out figures are {wrong}. Score on held-out judgments instead{other}."
        )
    return [sentence for sentence in advice if sentence]


def _on_chains(engine: str, state: Mapping[str, Any], *, spare: bool) -> str:
    rhats = [state[name] for name in ("choice_rhat_95", "similarity_rhat_95") if name in state]
    if not rhats:
        return ""
    if not np.isfinite(rhats).all():
        return "There are too few draws to tell whether the chains agree. Keep more `draws=...`."
    if engine != "nuts":
        return "" if state.get("intervals") else _on_fits(state)
    if max(rhats) <= RHAT_LIMIT:
        return ""
    stuck = stuck_chain(state.get("chain_log_density", []), state.get("chain_step_size", []))
    if stuck is not None:
        return (
            f"Chain {stuck + 1} sits apart, at a lower log density and with tiny steps: a wrong "
            "mode. Fit again with another `seed=...`."
        )
    fewer = "fewer `dimensions=...` (some are empty) or " if spare else ""
    alike = "predict alike, but do not mix" if state["predictions"] else "do not agree"
    return (
        f"The chains {alike}. Give them more `draws=...` and warm-up (`tune=...`); if that does "
        f"not help, {fewer}another `seed=...`."
    )


def _on_fits(state: Mapping[str, Any]) -> str:
    """Say how far variational fits are apart, and what that costs."""
    apart, runs = state["fits_apart"], state.get("runs_apart", state["fits_apart"])
    if runs <= APART_LIMIT and state.get("runs_cost", state["fits_cost"]) <= COST_LIMIT:
        return (
            f"Each variational fit is sure of something else (two differ by {apart:.1f} percentage "
            f"points of probability, their averages in two runs by {runs:.1f}), so that intervals "
            "are rough. `engine=nuts` gives better ones."
        )
    return (
        f"The choice probabilities of the variational fits differ by {apart:.1f} percentage "
        f"points. Their average, which is used, predicts {state['fits_cost']:.4f} nats per "
        "judgment better than a single fit; more fits (`chains=...`) make it more stable. "
        "Interpret only stable dimensions."
    )


def _on_check(check: Comparison, *, spare: bool) -> str:
    """Say what an unlikely check means; nothing of a check that is not in MEANING."""
    more = check.observed > check.expected
    if check.name not in MEANING or check.two_sided >= UNLIKELY:
        return ""
    whose, how, than, *meanings = MEANING[check.name]
    finding = f"{whose} {how[0] if more else how[1]} {than}"
    meaning = meanings[0] if more else meanings[1]
    if check.name in ACTS:
        figures = f"r {check.observed:.2f} against {check.expected:.2f}"
    else:
        figures = f"{check.observed:.1%} against {check.expected:.1%}"
    cure = "" if spare or MISFITS.get(check.name) is not more else " Try more `dimensions=...`."
    return f"{finding} ({figures}): {meaning}{cure}"


def _on_people(found: KindChecks) -> Iterator[str]:
    """Say who stands out, and who places at random, as far as their noise tells."""

    def names(people: Sequence[str]) -> str:
        more = f" and {len(people) - NAMED} more" if len(people) > NAMED else ""
        return f"{', '.join(people[:NAMED])}{more}"

    if found.outstanding:
        yield (
            f"{names(found.outstanding)} {ACTS[found.follow.name]} {_AGAIN}: at random, or by "
            "something of their own. Look at their trials; a fit without them tells what they "
            "change."
        )
    if found.at_random:
        yield (
            f"{names(found.at_random)}: placed at random, as far as the model can tell. It knows, "
            "and takes next to nothing from these layouts."
        )


def _on_optimiser(engine: str, state: Mapping[str, Any]) -> str:
    change = state.get("loss_change")
    if engine == "nuts" or change is None or state.get("predictions", True):
        return ""
    if abs(change) <= 0.01:  # what is wrong is then not the optimiser
        return ""
    return (
        f"The evidence bound still moves ({change:+.3f} nats a judgment). Give it more `steps=...`."
    )


def stuck_chain(log_density: list[float], step_size: list[float]) -> int | None:
    """Find a chain in a mode of its own: the lowest log density, steps a fifth of the others'.

    Chains of a dot-product embedding can stay in such a mode, every trajectory at its depth limit
    and none divergent. Mean log density and last step size are given by chain.
    """
    if len(log_density) < 2 or len(step_size) != len(log_density):
        return None
    low = int(np.argmin(log_density))
    others = max(value for place, value in enumerate(step_size) if place != low)
    apart = max(log_density) - log_density[low] > 20
    return low if apart and step_size[low] < 0.2 * others else None
