"""Who answered carelessly, or is no person: a mixture of four kinds of participants.

A participant is one of ``KINDS``, careful with prior probability 1 - ``share`` and each other kind
with an equal part of ``share``; without response times nobody is taken for automatic, since their
answers alone could be a careful person's. What each kind does:

=========  ========================  ====================  ============  =======================
kind       choices                   repeats               checks right  response times
=========  ========================  ====================  ============  =======================
careful    by the embedding, with    consistent, and       Beta(9, 1)    a person's
           temperature and lapse     above the model
guessing   at random                 at random             by chance     a person's, or too fast
position   by the last position      the same              the same      a person's, or too fast
automatic  by the embedding, or any  consistent            Beta(1, 1)    too fast or too regular
=========  ========================  ====================  ============  =======================

"Or" is a mixture of equal parts. Temperature, lapse, consistency and the parameters of positions
and times are unknown: each is integrated over its prior, the constants below. A careful person may
therefore be noisy, slow, or of another opinion, as long as a careless kind predicts no better.
Evidence is the log Bayes factor of a careless kind against the careful one, in nats.

The posterior was fitted to the same judgments, which favours the careful kind by little: an
embedding has few parameters a person.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaln, logsumexp
from scipy.stats import beta, norm

from twoalike.choice import OPTIONS
from twoalike.embedding._judged import known_rows
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.judgments import ITEMS, JudgmentTable, is_scored, read_judgments
from twoalike.study import Booleans, Floats, Integers, TwoalikeError

KINDS = ("careful", "guessing", "position", "automatic")
EVIDENCE = ("choices", "repeats", "checks", "times")
SHARE = 0.05
"""Prior share of careless participants: a convention; paid samples online may hold more."""

TEMPERATURES = np.geomspace(0.15, 10.0, 18)
LOG_TEMPERATURE_SD = 0.6
"""Careful people: two thirds are within a factor of 1.8 of the typical temperature."""
LAPSES = np.linspace(0.01, 0.6, 20)
LAPSE_PRIOR = (1.0, 9.0)
"""Beta: a careful person guesses in 10 % of the trials, above 28 % with probability .05."""
CONSISTENCIES = np.linspace(0.05, 0.95, 10)
"""Share of repeats answered from memory or conviction, beyond what the model predicts; uniform."""
CHECKS = {"careful": (9.0, 1.0), "automatic": (1.0, 1.0)}
HABIT = 0.3
"""Dirichlet parameter of the next position given the last one: below 1, habits are strict."""

SPREADS = np.geomspace(0.01, 1.5, 30)
"""Standard deviations of log response times; about the coefficient of variation where small."""
STRAY, STRAY_MEDIAN, STRAY_SD = 0.05, 1.5, 1.5
"""Share of response times that follow no pattern, such as pauses, and their log-normal (s)."""
USUAL_MEDIAN, FASTER_SD, SLOWER_SD = 1.5, 0.5, 1.0
"""Medians of people (s): log-normal, wider above than below, since slow is not careless."""
USUAL_SPREAD, USUAL_SPREAD_SD = 0.45, 0.35
FAST = (0.001, 0.35)
"""Medians (s) at which nobody has compared three images: log-uniform."""
FAST_SPREAD, REGULAR_SPREAD = 0.6, 0.12
"""Largest spread of the too fast, and of the too regular: people's are hardly below .2."""
DRAWS = 200  # of the posterior, for the choice probabilities


def careless_table(
    posterior: PosteriorSource, choices: JudgmentTable, *, share: float = SHARE
) -> pd.DataFrame:
    """Probability that each participant answered carelessly or is no person, and why.

    Parameters
    ----------
    posterior
        Fit of the judgments.
    choices
        The judgments with, where known, response times, repeated triplets and attention checks.
        Practice is left out, as are judgments of objects that the posterior does not know.
    share
        Prior share of careless participants.

    Returns
    -------
    One row a participant of the posterior, in its order: ``participant``; ``p_careless``, the
    posterior probability; ``likeliest``, the most probable kind: careful, guessing (at random),
    position (one side, or a sequence of positions) or automatic (too fast or too regular, whatever
    the answers); and log Bayes factors in nats, positive for careless, of the most probable
    careless kind against careful: ``evidence_choices``, ``evidence_repeats`` (triplets judged
    before by the same person), ``evidence_checks``, ``evidence_times``; missing where there is
    none. ``attrs["not_used"]`` says what would have accused most participants: that is a property
    of the table, such as the odd item always in last place, and was not used.

    Raises
    ------
    TwoalikeError
        If the share is not between 0 and 1, or the posterior knows none of the judgments.
    """
    if not 0 < share < 1:
        raise TwoalikeError(
            where="`share=...`", expected="a share between 0 and 1", found=f"{share:g}"
        )
    posterior = as_posterior(posterior).thinned(DRAWS)
    table = read_judgments(choices)
    p = _predicted(posterior, table)
    scored = (table["trial_type"] == "catch") & table["correct"].notna()
    people = pd.Index(posterior.participants)
    own = table["participant"].astype(str).isin(people)
    used = (own & (scored | ~np.isnan(p[:, 0]))).to_numpy()
    return careless_people(table[used], p[used], list(people), share)


def _predicted(posterior: Posterior, table: pd.DataFrame) -> Floats:
    """Answers of a typical observer to main and repeated trials, (n, 3); else NaN."""
    p = np.full((len(table), 3), np.nan)
    rows = np.flatnonzero(is_scored(table))
    judged, known = known_rows(posterior, table.iloc[rows])
    for kind in OPTIONS:
        these = judged.anchored == (kind == "anchored")
        p[rows[known][these]] = posterior.choice_probabilities(judged.items[these], kind=kind)
    return p


def careless_people(
    table: pd.DataFrame, p: Floats, people: list[str], share: float = SHARE
) -> pd.DataFrame:
    """Combine the evidence of each of ``people``; see :func:`careless_table`.

    ``p`` (n, 3) are the probabilities that a typical observer chooses each item of the n trials of
    ``table``, NaN for attention checks.
    """
    names = table["participant"].astype(str).to_numpy()
    order = np.lexsort((table["trial"], table["session"].cat.codes, names))
    trials = _trials(table.iloc[order], p[order])
    start = np.searchsorted(names[order], people, side="left")
    end = np.searchsorted(names[order], people, side="right")
    own = [trials.take(slice(*ends)) for ends in zip(start, end, strict=True)]
    log_p = np.array([_log_evidence(one) for one in own])  # people x kinds x evidence
    known = np.array([_has_evidence(one) for one in own])
    weight = np.ones((len(people), len(KINDS) - 1))  # of each careless kind, in its share
    not_used = []
    careful, _, position, automatic = log_p.swapaxes(0, 1)
    if _most(position[:, :3].sum(axis=1) > careful[:, :3].sum(axis=1), known[:, :3].any(axis=1)):
        weight[:, KINDS.index("position") - 1] = 0
        not_used.append("the order of items, which predicts most participants' answers")
    if _most(automatic[:, 3] > careful[:, 3], known[:, 3]):
        known[:, 3], log_p[:, :, 3] = False, 0.0
        not_used.append("response times, which are too fast or regular for most participants")
    weight[~known[:, 3], KINDS.index("automatic") - 1] = 0
    weight *= share / weight.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_prior = np.log(np.column_stack([np.full(len(people), 1 - share), weight]))
    joint = log_prior + log_p.sum(axis=2)
    posterior = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    careless = 1 + np.argmax(joint[:, 1:], axis=1)
    factors = log_p[np.arange(len(people)), careless] - log_p[:, 0]
    result = pd.DataFrame(
        {
            "participant": people,
            "p_careless": posterior[:, 1:].sum(axis=1),
            "likeliest": np.array(KINDS)[np.argmax(joint, axis=1)],
        }
    )
    for k, name in enumerate(EVIDENCE):
        result[f"evidence_{name}"] = np.where(known[:, k], factors[:, k], np.nan)
    result.attrs["not_used"] = not_used
    return result


def _most(suspect: Booleans, known: Booleans) -> bool:
    """Whether more than half of those with evidence are suspect."""
    return bool(known.any() and suspect[known].mean() > 0.5)


@dataclass(frozen=True)
class _Trials:
    """Trials in the order judged.

    ``before`` is the position, now, of the item chosen when the same triplet was last judged, -1 if
    it never was; ``habit`` is the log-probability of the answer under a habit of positions.
    """

    p: Floats  # (n, 3)
    chosen: Integers
    options: Integers
    before: Integers
    check: Booleans
    right: Booleans
    habit: Floats
    time: Floats  # s, NaN if not measured

    def take(self, rows: slice | Booleans) -> "_Trials":
        """Take some of the trials."""
        return _Trials(**{name: values[rows] for name, values in vars(self).items()})


def _trials(table: pd.DataFrame, p: Floats) -> _Trials:
    """Prepare trials that are sorted by participant, session and number."""
    items = np.stack([table[item].cat.codes.to_numpy(np.int64) for item in ITEMS], axis=1)
    chosen = table["chosen"].to_numpy(np.int64) - 1
    names = table["participant"].astype(str).to_numpy()
    anchored = (table["kind"] == "anchored").to_numpy()
    check = (table["trial_type"] == "catch").to_numpy()
    # The same triplet in any order, of an anchored one with the same reference.
    same = np.where(anchored[:, None], items, np.sort(items, axis=1))
    same[anchored, 1:] = np.sort(same[anchored, 1:], axis=1)
    answer = pd.Series(items[np.arange(len(items)), chosen])
    earlier = answer.groupby([names, anchored, check, *same.T]).shift(fill_value=-1).to_numpy()
    found = items == earlier[:, None]
    seconds = table["response_time"].to_numpy(np.float64)
    return _Trials(
        p=p,
        chosen=chosen,
        options=np.where(anchored, OPTIONS["anchored"], OPTIONS["odd_one_out"]),
        before=np.where(found.any(axis=1) & ~check, found.argmax(axis=1), -1),
        check=check,
        right=(table["correct"] == "true").to_numpy(),
        habit=_log_habit(names, anchored, chosen),
        time=np.where(seconds > 0, seconds, np.nan),  # 0 is what some programs write for none
    )


def _log_habit(names: np.ndarray, anchored: Booleans, chosen: Integers) -> Floats:
    """Log-probability of each position, given the last one and the habit so far, (n,).

    The next position is a draw from a distribution that depends on the last one; a Dirichlet prior
    makes the probability of a position its earlier count plus ``HABIT``, normalized. One side,
    alternation and rotation are such habits.
    """
    chain = pd.DataFrame({"name": names, "anchored": anchored, "chosen": chosen})
    chain["last"] = chain.groupby("name")["chosen"].shift(fill_value=-1)
    row = chain.groupby(["name", "anchored", "last"]).cumcount()
    cell = chain.groupby(["name", "anchored", "last", "chosen"]).cumcount()
    options = np.where(anchored, OPTIONS["anchored"], OPTIONS["odd_one_out"])
    return np.asarray(np.log((cell + HABIT) / (row + HABIT * options)))


def _has_evidence(trials: _Trials) -> list[bool]:
    """Whether there is any evidence of each kind."""
    repeat = trials.before >= 0
    new = ~repeat & ~trials.check
    return [bool(x.any()) for x in (new, repeat, trials.check, ~np.isnan(trials.time))]


def _log_evidence(trials: _Trials) -> Floats:
    """Log-probability of each part of a person's data for each kind, shape (kinds, evidence).

    Each part is conditional on those before it, so that a row's sum is that of all data.
    """
    repeat, check = trials.before >= 0, trials.check
    new = ~repeat & ~check
    parts = (new, repeat, check)
    chance = -np.log(trials.options)
    guessing = [chance[part].sum() for part in parts]
    position = [trials.habit[part].sum() for part in parts]
    by_embedding = _log_embedding(trials.take(new), trials.take(repeat))
    same = trials.before[repeat] == trials.chosen[repeat]
    by_rule = np.array([guessing[0], _log_consistent(same, trials.options[repeat])])
    either = np.logaddexp(by_embedding.cumsum(), by_rule.cumsum()) - np.log(2)
    automatic = [either[0], either[1] - either[0]]
    right, options = trials.right[check], trials.options[check]
    checks = {kind: _log_checks(right, options, *CHECKS[kind]) for kind in CHECKS}
    usual, fast, regular = _log_times(np.log(trials.time[~np.isnan(trials.time)]))
    person = np.logaddexp(usual, fast) - np.log(2)
    return np.array(
        [
            [*by_embedding, checks["careful"], usual],
            [*guessing, person],
            [*position, person],
            [*automatic, checks["automatic"], np.logaddexp(fast, regular) - np.log(2)],
        ]
    )


def _log_embedding(new: _Trials, repeats: _Trials) -> Floats:
    """Log-probability of new triplets, and of repeats given these, by the embedding: (2,).

    At temperature T the probabilities of a softmax are p^(1/T), normalized.
    """
    log_prior = norm.logpdf(np.log(TEMPERATURES), 0, LOG_TEMPERATURE_SD)[:, None]
    log_prior = log_prior + beta.logpdf(LAPSES, *LAPSE_PRIOR)
    log_prior -= logsumexp(log_prior)
    log_p = log_prior + np.log(_answers(new)).sum(axis=0)
    first = logsumexp(log_p)
    same = (repeats.before == repeats.chosen)[:, None, None, None]
    again = CONSISTENCIES * same + (1 - CONSISTENCIES) * _answers(repeats)[..., None]
    log_again = log_p[..., None] + np.log(again).sum(axis=0) - np.log(len(CONSISTENCIES))
    return np.array([first, logsumexp(log_again) - first])


def _answers(trials: _Trials) -> Floats:
    """Probability of each answer at every temperature and lapse, shape (n, T, L)."""
    p = trials.p[:, :, None] ** (1 / TEMPERATURES)
    p /= p.sum(axis=1, keepdims=True)
    chosen = p[np.arange(len(p)), trials.chosen][..., None]
    return np.asarray((1 - LAPSES) * chosen + LAPSES / trials.options[:, None, None])


def _log_consistent(same: Booleans, options: Integers) -> float:
    """Log-probability of repeats by a rule that knows nothing of the embedding."""
    p = CONSISTENCIES * same[:, None] + (1 - CONSISTENCIES) / options[:, None]
    return float(logsumexp(np.log(p).sum(axis=0)) - np.log(len(CONSISTENCIES)))


def _log_checks(right: Booleans, options: Integers, a: float, b: float) -> float:
    """Log-probability of answers to checks whose rate of right ones is Beta(a, b)."""
    wrong = ~right
    log_p = betaln(a + right.sum(), b + wrong.sum()) - betaln(a, b)
    return float(log_p - np.log(options[wrong] - 1).sum())


def _log_times(log_times: Floats) -> tuple[float, float, float]:
    """Log-probability of a person's log response times as usual, too fast, and too regular.

    Times are log-normal, but for stray ones. Medians are integrated on a grid in standard errors
    about the observed one, fine enough for every spread.
    """
    if not len(log_times):
        return 0.0, 0.0, 0.0
    step = 0.4 / np.sqrt(len(log_times))
    median = np.median(log_times) + SPREADS[:, None] * step * np.arange(-12, 13)
    body = norm.logpdf(log_times[:, None, None], median, SPREADS[:, None])
    stray = norm.logpdf(log_times, np.log(STRAY_MEDIAN), STRAY_SD)[:, None, None]
    each = np.logaddexp(np.log1p(-STRAY) + body, np.log(STRAY) + stray)
    log_p = each.sum(axis=0) + np.log(SPREADS[:, None] * step)

    def average(log_median: Floats, weight: Floats) -> float:
        weighted = log_p + log_median + np.log(weight / weight.sum())[:, None]
        return float(logsumexp(weighted))

    usual = norm.pdf(np.log(SPREADS), np.log(USUAL_SPREAD), USUAL_SPREAD_SD)
    off = median - np.log(USUAL_MEDIAN)
    sd = np.where(off < 0, FASTER_SD, SLOWER_SD)
    split = np.log(2 / (FASTER_SD + SLOWER_SD)) + norm.logpdf(off / sd)
    lowest, highest = np.log(FAST)
    within = (lowest < median) & (median < highest)
    with np.errstate(divide="ignore"):  # medians and spreads that a kind does not have
        return (
            average(split, usual),
            average(np.log(within / (highest - lowest)), 1.0 * (SPREADS <= FAST_SPREAD)),
            average(
                norm.logpdf(median, np.log(STRAY_MEDIAN), STRAY_SD),
                1.0 * (SPREADS <= REGULAR_SPREAD),
            ),
        )
