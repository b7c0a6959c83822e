"""Who answered carelessly, or is no person: a mixture of four kinds of participants.

A participant is one of ``KINDS``, careful with prior probability 1 - ``share`` and each other kind
with an equal part of ``share``; without times nobody is taken for automatic, since their answers
alone could be a careful person's. What each kind does in choices (arrangements:
:mod:`twoalike.embedding._careless_layouts`; ratings and sortings:
:mod:`twoalike.embedding._careless_rated`):

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

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaln, logsumexp
from scipy.stats import beta, norm

from twoalike.choice import OPTIONS
from twoalike.embedding._careless_layouts import LAYOUT_EVIDENCE, layout_evidence
from twoalike.embedding._careless_rated import (
    RATING_EVIDENCE,
    SORTING_EVIDENCE,
    rating_evidence,
    sorting_evidence,
)
from twoalike.embedding._careless_times import by_kind, log_times
from twoalike.embedding._judged import AXIS_OF, given_tables, known_rows, labels_of
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.judgments import (
    ITEMS,
    JudgmentKind,
    JudgmentTable,
    is_scored,
    person_of,
    read_judgments,
    split_sets,
)
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted

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

DRAWS = 200  # of the posterior, for the choice probabilities


def careless_table(
    posterior: PosteriorSource,
    choices: JudgmentTable | None = None,
    *,
    arrangements: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
    share: float = SHARE,
) -> pd.DataFrame:
    """Probability that each participant answered carelessly or is no person, and why.

    Parameters
    ----------
    posterior
        Fit of the judgments.
    choices
        The judgments with, where known, response times, repeated triplets and attention checks.
        Those of more than three items are not used.
        Practice is left out, as are judgments of objects that the posterior does not know.
    arrangements
        Arrangements with, where known, durations, seats and numbers of moves.
    ratings, sortings
        Rated pairs with, where known, response times, repeats and attention checks; sortings with
        durations.
    share
        Prior share of careless participants.

    Returns
    -------
    One row a participant of the posterior, in its order, and whoever else arranged, rated or
    sorted, with such tables: ``participant``; ``p_careless``, the posterior probability;
    ``likeliest``, the most probable kind: careful, guessing (at random), position (one side, or a
    sequence of positions; layouts as the images lay at first; ratings by the last one) or
    automatic (too fast or too regular, whatever the answers); and log Bayes factors in nats,
    positive for careless, of the most probable careless kind against careful, missing where there
    is no evidence. Of choices: ``evidence_choices``,
    ``evidence_repeats`` (triplets judged before by the same person), ``evidence_checks``,
    ``evidence_times``. Of arrangements: ``evidence_layouts``, ``evidence_pace`` (duration of a
    trial for each image) and ``evidence_moves`` (images moved again). Of ratings:
    ``evidence_ratings`` (whether they follow the embedding), ``evidence_rating_repeats``,
    ``_rating_checks`` and ``_rating_times``; of sortings: ``evidence_piles`` and
    ``evidence_pace_of_piles`` (duration of a trial for each object). ``attrs["not_used"]`` says
    what would have accused most participants: that is a property of the table, such as the odd item
    always in last place, and was not used.
    """
    if not 0 < share < 1:
        raise TwoalikeError(
            where="`share=...`", expected="a share between 0 and 1", found=f"{share:g}"
        )
    others = given_tables(arrangements=arrangements, ratings=ratings, sortings=sortings)
    if choices is None and not others:
        raise TwoalikeError(
            expected="choices, arrangements, ratings or sortings to look at", found="none of them"
        )
    posterior = as_posterior(posterior).thinned(DRAWS)
    people, parts, larger = list(posterior.participants), [], pd.DataFrame()
    for kind in others:
        labels = map(person_of, labels_of(posterior, AXIS_OF[kind]))
        people = list(dict.fromkeys([*people, *labels]))
    if choices is not None:
        table, larger = split_sets(read_judgments(choices))
        if table.empty and not others:
            raise TwoalikeError(
                expected="choices among three items to look at",
                found=f"{counted(len(larger), 'choice')} among more",
                remedy="Leave them out.",
            )
        if not table.empty:
            parts.append(_of_triplets(posterior, table, people))
    for kind, other in others.items():
        parts.append(Evidence.of(kind, posterior, read_judgments(other, kind), people))
    found = combined(people, parts, share)
    if n := len(larger):
        found.attrs["not_used"].append(f"{counted(n, 'choice')} among more than three items")
    return found


def _of_triplets(posterior: Posterior, table: pd.DataFrame, people: list[str]) -> "Evidence":
    """Take the choices of participants of the posterior, and their attention checks."""
    p = _predicted(posterior, table)
    scored = (table["trial_type"] == "catch") & table["correct"].notna()
    own = table["participant"].astype(str).isin(posterior.participants)
    used = (own & (scored | ~np.isnan(p[:, 0]))).to_numpy()
    return Evidence.of_choices(table[used], p[used], people)


def _predicted(posterior: Posterior, table: pd.DataFrame) -> Floats:
    """Answers of a typical observer to main and repeated trials, (n, 3); else NaN."""
    p = np.full((len(table), 3), np.nan)
    rows = np.flatnonzero(is_scored(table))
    judged, known = known_rows(posterior, table.iloc[rows])
    for kind in OPTIONS:
        these = judged.anchored == (kind == "anchored")
        p[rows[known][these]] = posterior.choice_probabilities(judged.items[these], kind=kind)
    return p


@dataclass(frozen=True, eq=False)
class Evidence:
    """Log-probability of what people did for each kind, of one task.

    ``log_p`` (people, kinds, evidence), conditional on the evidence before it, and which of it is
    ``known`` (people, evidence), of the ``names``; ``timed`` is that of times. ``not_used`` says
    what was left out, and ``barred`` kinds are not considered, since they would accuse most people.
    """

    names: tuple[str, ...]
    log_p: Floats
    known: Booleans
    timed: int
    not_used: list[str] = field(default_factory=list)
    barred: list[str] = field(default_factory=list)

    @classmethod
    def of_choices(cls, table: pd.DataFrame, p: Floats, people: list[str]) -> "Evidence":
        """Take trials of choices.

        ``p`` (n, 3) are the probabilities that a typical observer chooses each item of the n trials
        of ``table``, NaN for attention checks.
        """
        names = table["participant"].astype(str).to_numpy()
        order = np.lexsort((table["trial"], table["session"].cat.codes, names))
        trials = _trials(table.iloc[order], p[order])
        start = np.searchsorted(names[order], people, side="left")
        end = np.searchsorted(names[order], people, side="right")
        own = [trials.take(slice(*ends)) for ends in zip(start, end, strict=True)]
        log_p = np.array([_log_evidence(one) for one in own])  # people x kinds x evidence
        known = np.array([_has_evidence(one) for one in own])
        found = cls(EVIDENCE, log_p, known, 3)
        reason = "the order of items, which predicts most participants' answers"
        found._set_aside((0, 1, 2), "position", reason)
        reason = "response times, which are too fast or regular for most participants"
        found._set_aside((3,), "automatic", reason)
        return found

    @classmethod
    def of(
        cls, kind: JudgmentKind, posterior: Posterior, table: pd.DataFrame, people: list[str]
    ) -> "Evidence":
        """Take judgments that are no choices."""
        names, evidence, timed, suspects = _OTHERS[kind]
        log_p, known = evidence(posterior, table, people)
        found = cls(names, log_p, known, timed)
        for place, careless, reason in suspects:
            found._set_aside((place,), careless, reason)
        return found

    def _set_aside(self, places: tuple[int, ...], kind: str, reason: str) -> None:
        """Bar a kind by position, else leave evidence out, if most people would be accused."""
        log_p, known = self.log_p[:, :, places].sum(axis=2), self.known[:, places].any(axis=1)
        suspect = log_p[:, KINDS.index(kind)] > log_p[:, 0]
        if not known.any() or suspect[known].mean() <= 0.5:
            return
        self.not_used.append(reason)
        if kind == "position":
            self.barred.append(kind)
        else:
            self.known[:, places], self.log_p[:, :, places] = False, 0.0


_OTHERS: dict[JudgmentKind, tuple[Any, ...]] = {
    "arrangements": (
        *(LAYOUT_EVIDENCE, layout_evidence, 1),
        (
            (
                *(0, "guessing"),
                "layouts, which the embedding predicts no better than chance for most participants",
            ),
            (
                *(1, "automatic"),
                "durations of arrangements, which are too short or regular for most participants",
            ),
            (2, "automatic", "numbers of moves: most participants moved hardly any image again"),
        ),
    ),
    "ratings": (
        *(RATING_EVIDENCE, rating_evidence, 3),
        (
            (0, "guessing", "ratings, which do not follow the embedding for most participants"),
            (0, "position", "the last rating, which predicts the next one of most participants"),
            (3, "automatic", "times of ratings, too fast or regular for most participants"),
        ),
    ),
    "sortings": (
        *(SORTING_EVIDENCE, sorting_evidence, 1),
        (
            (0, "guessing", "piles, which do not follow the embedding for most participants"),
            (1, "automatic", "durations of sortings, too short or regular for most participants"),
        ),
    ),
}
"""Evidence of each kind: names, function, place of the times, and what might accuse most people."""


def combined(people: list[str], parts: list[Evidence], share: float = SHARE) -> pd.DataFrame:
    """Combine the evidence of each of ``people``; see :func:`careless_table`."""
    log_p = np.concatenate([part.log_p for part in parts], axis=2)
    known = np.concatenate([part.known for part in parts], axis=1)
    weight = np.ones((len(people), len(KINDS) - 1))  # of each careless kind, in its share
    for part in parts:
        weight[:, [KINDS.index(kind) - 1 for kind in part.barred]] = 0
    timed = np.any([part.known[:, part.timed] for part in parts], axis=0)
    weight[~timed, KINDS.index("automatic") - 1] = 0
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
    for k, name in enumerate(name for part in parts for name in part.names):
        result[f"evidence_{name}"] = np.where(known[:, k], factors[:, k], np.nan)
    result.attrs["not_used"] = [reason for part in parts for reason in part.not_used]
    return result


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
    times = by_kind(*log_times(np.log(trials.time[~np.isnan(trials.time)])))
    return np.array(
        [
            [*by_embedding, checks["careful"], times[0]],
            [*guessing, times[1]],
            [*position, times[2]],
            [*automatic, checks["automatic"], times[3]],
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
