r"""Answers of networks, language models or other studies, in the model: observers of another kind.

A source s sees object i at a point of its own: people's coordinates x_i, each multiplied by the
root of its weight, and behind them coordinates e_si of its own,

    z_si = [x_i sqrt(w_s), tau_s e_si, kappa_s c_i],   log w_sk = log(W sigmoid(l_s)) + omega o_sk,

where c_i is what several sources have in common, coordinates e and c are standard normal, and the
scales half-normal. It answers by the similarities of these (of dot products: people's, weighted,
plus a discrepancy, tau^2 e_i e_j + kappa^2 c_i c_j), with a bias b_s of places and a lapse:

    p(answer) = (1 - lapse_s) softmax(score(z_s) + b_s) + lapse_s / A.

So a source tells of people as far as their own answers agree. Its weight has a bound, W: without it
sources that agree with each other make the map, and people are taken for noisy judges of it.

**Worth.** Over triplets that a source answered, its scores are b s + r z in terms of people's
similarities s: a slope b and a residual r, which nobody knows of a new triplet. The worth of an
answer is its Fisher information about s, with z integrated out, as a share of that of an answer of
a person at temperature 1 with people's mean lapse.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import ODD, TRIPLET, Change, log_choice, random_triplets
from twoalike.embedding._choices import GIVEN, ChoiceGroup, Choices
from twoalike.embedding._kind import Kind, Unknown
from twoalike.embedding._posterior import PosteriorSource, as_posterior
from twoalike.embedding._terms import ONE_PLACE
from twoalike.study import Floats, TwoalikeError

MOST = 20
"""Sources: each has coordinates of its own."""
START = 5.0
"""Logit of the lapse at a start: else answers at random, or against people, lead a variational fit
to dimensions that it does not leave again."""
TIMES, EACH = 10, 20
"""Answers of a source for each judgment of people, or for each object, that are taken at most: a
variational fit follows people no more where a source answers fifty times as often."""
SEEN = 300
"""Choices over which slope and residual of a source are taken."""
DRAWS, NOISES = 50, 16
"""Draws of the posterior, and of the residual, by which worth is computed."""


@dataclass(frozen=True, eq=False)
class SourceGroup(ChoiceGroup):
    """Choices of one source that answer one question.

    ``listed``: they are listed by their answers, so that places say nothing.
    """

    source: int = 0
    listed: bool = False

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Items, places of the answers, and the source."""
        places = self.question.answers_first(self.answer).astype(np.int32)
        return self.items, places, self.judge


@dataclass(frozen=True, eq=False, kw_only=True)
class Sources(Kind[SourceGroup]):
    """Choices of all sources, which are no people."""

    kind = "sources"
    axis = "answerer"
    counted = "answers", ""
    of_people = False

    lapse: float = -1.0
    lapse_sd: float = 2.0
    most: float = 1.2
    weight: float = 1.0
    weight_sd: float = 2.0
    weight_spread: float = 0.5
    own: float = 1.0
    bias: float = 1.0

    @classmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> Self:
        found = Choices.from_table(table, ids)
        if len(found.people) > MOST:
            raise TwoalikeError(
                where="`sources=...`",
                expected=f"at most {MOST} sources (column participant)",
                found=str(len(found.people)),
                remedy="Import another study under one name: `source=...` of the import.",
            )
        groups = []
        for group in found.groups:
            for source in np.unique(group.judge).tolist():
                own = group.take(group.judge == source)
                share = np.bincount(own.answer).max() / own.size
                values = {name: getattr(own, name) for name in ChoiceGroup.__dataclass_fields__}
                groups.append(SourceGroup(**values, source=source, listed=bool(share >= ONE_PLACE)))
        return cls(groups=tuple(groups), people=(), sources=found.people, ids=found.ids)

    @property
    def size(self) -> int:
        return sum(group.size for group in self.groups)

    def counts(self, participants: Sequence[str]) -> Any:
        return {"answers": (self.axis, self.given(len(self.sources)))}

    def unknowns(self, unknown: Unknown) -> dict[str, Any]:
        import pymc as pm
        import pytensor.tensor as pt

        n, m, d = len(self.sources), len(self.ids), unknown.dimensions
        begin = np.full(n, START, dtype=np.float32)
        logit = pm.Normal(
            "source_lapse_logit", self.lapse, self.lapse_sd, dims=self.axis, initval=begin
        )
        lapse = pm.Deterministic("source_lapse", pm.math.sigmoid(logit), dims=self.axis)
        share = pm.Normal("source_weight_logit", self.weight, self.weight_sd, shape=(n, 1))
        log_weight = np.log(self.most) - pt.softplus(-share)
        if d > 1:
            spread = pm.HalfNormal("source_weight_spread", self.weight_spread)
            offset = pm.ZeroSumNormal("source_weight_offset", 1.0, shape=(n, d))
            log_weight = log_weight + spread * offset
        parts = [[unknown.x * pt.exp(log_weight[s] / 2)] for s in range(n)]
        for name, many in (("own", n), ("common", 1))[: 1 + (n > 1)]:
            tau = pm.HalfNormal(f"source_{name}_scale", self.own, dims=self.axis)
            start = 0.3 * np.random.default_rng(many).normal(size=(many, m, d))
            start = start.astype("float32")
            e = pm.Normal(f"source_{name}", 0.0, 1.0, shape=(many, m, d), initval=start)
            for s in range(n):
                parts[s].append(tau[s] * e[s % many])
        points = [pt.concatenate(of, axis=1) for of in parts]
        widest = max(len(group.question.answers) for group in self.groups)
        bias = pm.Normal("source_bias", 0.0, self.bias, shape=(n, widest))
        slopes = pt.stack([pt.stack(self._slope(unknown, points[s], s)) for s in range(n)])
        for place, name in enumerate(("source_slope", "source_apart")):
            pm.Deterministic(name, slopes[:, place], dims=self.axis)
        return {"lapse": lapse, "points": points, "bias": bias}

    def _slope(self, unknown: Unknown, points: Any, source: int) -> tuple[Any, Any]:
        """Regress a source's similarities on people's, within its choices: slope and residual."""
        group = max((g for g in self.groups if g.source == source), key=lambda g: g.size)
        items, pairs, xp = group.items[:SEEN], group.question.pairs, unknown.xp
        both = (xp.stack(unknown.kernel.pairs(x, items, pairs, xp=xp)) for x in (unknown.x, points))
        s, u = (values - values.mean(axis=0) for values in both)
        slope = (s * u).sum() / ((s**2).sum() + 1e-6)
        within = len(items) * (len(pairs) - 1)
        return slope, xp.sqrt(((u - slope * s) ** 2).sum() / within + 1e-12)

    def log_likelihood(
        self, unknown: Unknown, own: dict[str, Any], group: SourceGroup, arrays: Any, n: int
    ) -> Any:
        """Give that of each answer."""
        (items, places, _), xp, s = arrays, unknown.xp, group.source
        x, matrix = own["points"][s], None
        if group.whole(len(self.ids), n):
            width = unknown.dimensions * (2 + (len(self.sources) > 1))
            matrix = replace(unknown, x=x, dimensions=width).all_pairs()
        pairs = unknown.kernel.pairs(x, items, group.question.pairs, matrix=matrix, xp=xp)
        change = Change(offsets=None if group.listed else own["bias"][s][places])
        lapse = own["lapse"][s]
        (logs,) = change.log_choice(pairs, 1.0, lapse, group.question, GIVEN, xp)
        return logs


def some_answers(table: pd.DataFrame, judged: int) -> pd.DataFrame:
    """Take some answers of each source, at random, beside so many judgments of people."""
    most = max(TIMES * judged, EACH * len(table["item_1"].cat.categories))
    mixed = table.sample(frac=1, random_state=0).groupby("participant", observed=True)
    return mixed.head(most).sort_index()


def information(s: Floats, who: Sequence[Any], rng: np.random.Generator) -> Floats:
    """Fisher information of an answer about people's similarities, summed over the pairs: (S,).

    ``s`` (S, n, 3) are similarities of triplets under S draws; ``who`` answers has slope, residual
    and lapse, (S,) each: 1, 0 and the lapse of a person at temperature 1.
    """
    slope, apart, lapse = (np.reshape(value, (-1, 1, 1)) for value in who)
    p, gradient = np.zeros(()), np.zeros(())
    for _ in range(NOISES):
        u = slope * s + apart * rng.normal(size=s.shape)
        q = np.exp(np.stack(log_choice(tuple(np.moveaxis(u, -1, 0))), axis=-1))[..., list(ODD)]
        moved = q[..., :, None] * (np.eye(3) - q[..., None, :])
        p = p + ((1 - lapse) * q + lapse / 3) / NOISES
        gradient = gradient + ((1 - lapse) * slope)[..., None] * moved / NOISES
    return np.asarray((gradient**2 / p[..., None]).sum(axis=(2, 3)).mean(axis=1))


def source_table(posterior: PosteriorSource, seed: int = 0) -> pd.DataFrame:
    """Say how much the sources of a fit tell about people.

    Returns
    -------
    One row a source: its ``answers``; ``worth``, the information of an answer about people's
    similarities as a share of that of a person's answer, with ``low`` and ``high`` of its 90 %
    interval; ``slope`` and ``apart``, of its similarities on people's and of what is left, and
    ``lapse``, posterior means.
    """
    fit = as_posterior(posterior)
    names, rng = fit.labels(Sources.axis), np.random.default_rng(seed)
    columns = "source answers worth low high slope apart lapse".split()
    if not names:
        return pd.DataFrame(columns=columns)
    places = np.linspace(0, len(fit.embedding) - 1, min(DRAWS, len(fit.embedding))).astype(int)
    triplets = random_triplets(len(fit.ids), SEEN, rng)
    known = [fit.kernel.pairs(fit.embedding[k], triplets, TRIPLET.pairs) for k in places]
    s = np.stack([np.stack(pairs, axis=-1) for pairs in known])
    person = information(s, (1.0, 0.0, fit.typical_lapse[places]), rng)
    answers = fit.tree["constant_data"].dataset["answers"].values
    rows = []
    for n, name in enumerate(names):
        own = [fit.drawn(f"source_{what}")[places, n] for what in ("slope", "apart", "lapse")]
        share = information(s, own, rng) / person
        low, high = np.percentile(share, (5, 95))
        worth, *others = (float(of.mean()) for of in (share, *own))
        rows.append((name, int(answers[n]), worth, low, high, *others))
    return pd.DataFrame(rows, columns=columns)
