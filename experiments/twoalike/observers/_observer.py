"""Simulated observers: choices and response times from a space known to be true."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import (
    ANCHORED,
    ChoiceKind,
    Question,
    entropy,
    log_choice,
    log_set_choice,
    pair_similarities,
    random_triplets,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    MISSING,
    Floats,
    Integers,
    Study,
    TwoalikeError,
    atomic_path,
    load_arrays,
    provenance,
)

KIND = "observer"


@dataclass(frozen=True, kw_only=True)
class ResponseTimes:
    """Response times that grow with the difficulty of the choice.

    A time is ``base_s + scale_s * exp(slope * entropy + sigma * z)`` with z standard normal and
    the entropy of the choice in nats. The defaults give medians near 2 s for easy and 3 s for
    ambiguous triplets, as people show for odd-one-out choices among photographs
    (doi:10.1038/s41586-025-09631-6).
    """

    base_s: float = 0.4
    scale_s: float = 1.3
    slope: float = 0.6
    sigma: float = 0.45

    def sample(self, choice_entropy: float, rng: np.random.Generator) -> float:
        """One response time in s."""
        spread = self.slope * choice_entropy + self.sigma * rng.standard_normal()
        return float(self.base_s + self.scale_s * np.exp(spread))


_NUMBERS = ("embedding", "temperature", "lapse", "placement_noise")
"""Arrays of an observer's file that are calculated with."""


@dataclass(frozen=True, eq=False)
class SimulatedObserver:
    """An observer who chooses by the choice model.

    Attributes
    ----------
    ids
        Object ids.
    embedding
        Coordinates of the objects, shape (m, D); similarity is their dot product.
    temperature
        Noise of the choices, > 0.
    lapse
        Share of guesses, in [0, 1).
    placement_noise
        Standard deviation of an image's place in each direction when images are arranged, in
        diameters of the arena.
    """

    ids: tuple[str, ...]
    embedding: Floats
    temperature: float = 1.0
    lapse: float = 0.0
    response_times: ResponseTimes = field(default_factory=ResponseTimes)
    placement_noise: float = 0.1

    def __post_init__(self) -> None:
        if self.embedding.ndim != 2 or len(self.embedding) != len(self.ids):
            raise ValueError(
                f"embedding of shape {self.embedding.shape} for {len(self.ids)} objects"
            )
        if len(set(self.ids)) < len(self.ids):
            raise ValueError("an object id is listed twice")
        if not np.isfinite(self.embedding).all():
            raise ValueError("the embedding has values that are not finite")
        if not (self.temperature > 0 and 0 <= self.lapse < 1):
            raise ValueError(f"temperature {self.temperature}, lapse {self.lapse}: out of range")
        if not 0 <= self.placement_noise < 1:
            raise ValueError(f"placement_noise {self.placement_noise}: expected 0 or more, under 1")

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.ids)}

    def rows(self, names: Sequence[str]) -> list[int]:
        """Rows of objects in the embedding."""
        unknown = [name for name in names if name not in self._index]
        if unknown:
            raise TwoalikeError(
                f"the simulated observer knows no object {unknown[0]!r} among its "
                f"{len(self.ids)}. Use one made for this stimulus set."
            )
        return [self._index[name] for name in names]

    @cached_property
    def _similarity(self) -> Floats:
        return np.asarray(self.embedding @ self.embedding.T)

    def choice_probabilities(self, triplets: Integers, kind: ChoiceKind = "odd_one_out") -> Floats:
        """Probability that item 1, 2, 3 is chosen.

        Parameters
        ----------
        triplets
            Indices into ``ids``, shape (n, 3).
        kind
            ``odd_one_out``: the chosen item is the odd one; ``anchored``: item 1 is a reference,
            never chosen, and the chosen item is the more like it.

        Returns
        -------
        Shape (n, 3), rows sum to one.
        """
        pairs = pair_similarities(self._similarity, np.asarray(triplets))
        if kind == "anchored":
            near = log_choice(pairs[:2], self.temperature, self.lapse or None, question=ANCHORED)
            return np.stack([np.zeros(len(triplets)), *np.exp(near)], axis=1)
        return np.exp(np.stack(log_choice(pairs, self.temperature, self.lapse or None), axis=1))

    def respond(
        self, items: Sequence[str], rng: np.random.Generator, kind: ChoiceKind = "odd_one_out"
    ) -> tuple[int, float]:
        """Choose the odd one of three objects or more, or the one of three most like the first.

        Gives which item (0, 1, ...), and the response time in s.
        """
        ((item,), taken) = self._answer(Question(kind, len(items)), items, rng)
        return item, taken

    def respond_pair(
        self, items: Sequence[str], rng: np.random.Generator
    ) -> tuple[tuple[int, int], float]:
        """Choose the two of three objects or more that are most alike; all as :meth:`respond`."""
        ((one, other), taken) = self._answer(Question("most_alike", len(items)), items, rng)
        return (one, other), taken

    def _answer(
        self, question: Question, items: Sequence[str], rng: np.random.Generator
    ) -> tuple[list[int], float]:
        index = np.array(self.rows(items))
        one, other = index[question.pairs].T
        logs = log_set_choice(
            self._similarity[one, other], question, self.temperature, self.lapse or None
        )
        probabilities = np.exp(logs)
        at = int(rng.choice(len(probabilities), p=probabilities / probabilities.sum()))
        taken = self.response_times.sample(float(entropy(probabilities[None])[0]), rng)
        named: list[int] = question.answers[at].tolist()
        return named, taken

    def describe(self) -> dict[str, Any]:
        """Give the settings besides the embedding, for a manifest."""
        return {
            "temperature": self.temperature,
            "lapse": self.lapse,
            "placement_noise": self.placement_noise,
            "response_times": asdict(self.response_times),
        }

    def __repr__(self) -> str:
        return (
            f"SimulatedObserver of {len(self.ids)} objects, temperature {self.temperature:g}, "
            f"lapse {self.lapse:g}"
        )

    def save(
        self, path: str | Path, *, seed: int | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """Write the observer as ``.npz``: ids, embedding, its noise, provenance."""
        content = provenance(KIND, seed=seed, config={**self.describe(), **(config or {})})
        with atomic_path(path) as temporary:
            np.savez(
                temporary,
                ids=np.array(self.ids),
                embedding=self.embedding.astype(np.float32),
                temperature=np.float64(self.temperature),
                lapse=np.float64(self.lapse),
                placement_noise=np.float64(self.placement_noise),
                provenance=np.array(json.dumps(content)),
            )

    @classmethod
    def load(cls, path: str | Path) -> "SimulatedObserver":
        """Read an observer; temperature 1, lapse 0, placement noise .1 where the file has none."""
        path = Path(path)
        content = load_arrays(path, "a simulated observer (.npz)")
        content = content if isinstance(content, dict) else {"one array": content}
        if not {"ids", "embedding"} <= content.keys():
            raise TwoalikeError(
                f"{path}: expected arrays ids and embedding, found {', '.join(content)}."
            )
        for name in _NUMBERS:
            if name in content and content[name].dtype.kind not in "fiu":
                raise TwoalikeError(
                    f"{path}: expected {name} as numbers, found {content[name].dtype}."
                )
        try:
            return cls(
                ids=tuple(str(name) for name in content["ids"].ravel()),
                embedding=content["embedding"].astype(np.float64),
                temperature=float(content.get("temperature", 1.0)),
                lapse=float(content.get("lapse", 0.0)),
                placement_noise=float(content.get("placement_noise", 0.1)),
            )
        except (ValueError, TypeError) as error:
            raise TwoalikeError(f"{path}: {error}.") from error


_N_TRIPLETS = 4000
_SPREAD = 0.35
"""Standard deviation of the log-strength of categories."""
_SHARE = 0.35
"""Share of the objects that have a quality, of objects of which nothing is known."""
_TEMPERATURE_SD, _CARELESS_LAPSE = 0.25, 0.4
"""Standard deviation of people's log-temperatures; share of guesses of the careless."""


def _scale_to(embedding: Floats, accuracy: float, rng: np.random.Generator) -> Floats:
    """Embedding times the number that gives the oracle this accuracy on random triplets."""
    triplets = random_triplets(len(embedding), _N_TRIPLETS, rng)

    def below(scale: float) -> bool:
        """Whether one who knows the space, choosing at temperature 1, is less accurate."""
        space = embedding * scale
        log_p = log_choice(pair_similarities(space @ space.T, triplets))
        return bool(np.exp(np.max(log_p, axis=0)).mean() < accuracy)

    low, high = 0.0, 64.0
    if below(high):
        raise TwoalikeError(
            f"no scale of this space gives an oracle accuracy of {accuracy}: its categories "
            "leave too many triplets undecided. Ask for less."
        )
    for _ in range(40):
        middle = (low + high) / 2
        if below(middle):
            low = middle
        else:
            high = middle
    return embedding * high


def hierarchical_embedding(
    stimuli: StimulusSet,
    rng: np.random.Generator,
    *,
    jitter: float = 0.1,
    accuracy: float = 0.69,
) -> Floats:
    """Embed objects by their categories, as people group things: coarse kinds before fine ones.

    Every category of every level is a dimension, on which its objects load. Categories differ in
    strength, and so, a little, do the individuals of a category (``jitter``).

    Parameters
    ----------
    jitter
        Standard deviation of the log-strength over individuals.
    accuracy
        The space is scaled so that this is the accuracy, on random triplets, of an observer who
        knows it and predicts choices at temperature 1.

    Returns
    -------
    Non-negative coordinates, shape (m, D), rows in the order of ``stimuli.ids``.
    """
    levels = stimuli.levels
    if not levels:
        raise TwoalikeError(
            f"{stimuli.folder}: the stimuli have no category columns to build an observer from. "
            "Sort the images into folders, or give an observer: `simulate=OBSERVER.npz`, or "
            "`simulate=random` for one with random similarities."
        )
    blocks = []
    for level in levels:
        labels = stimuli.table[level]
        members = pd.get_dummies(labels).drop(columns=MISSING, errors="ignore").to_numpy(float)
        by_category = np.exp(_SPREAD * rng.standard_normal(members.shape[1]))
        by_object = np.exp(jitter * rng.standard_normal(members.shape))
        blocks.append(members * by_category * by_object)
    return _scale_to(np.concatenate(blocks, axis=1), accuracy, rng)


def sparse_embedding(
    m: int,
    rng: np.random.Generator,
    *,
    dimensions: int | None = None,
    accuracy: float = 0.69,
) -> Floats:
    """Embed ``m`` objects of which nothing is known: each has some of many qualities.

    To what extent it has one is gamma-distributed.

    Parameters
    ----------
    dimensions
        Number of qualities; 1.2 times the root of ``m`` if left out, at least 3. That is 52 for
        the 1,854 objects of THINGS, whose published embeddings have 49 and 66.
    accuracy
        As for :func:`hierarchical_embedding`.

    Returns
    -------
    Non-negative coordinates, shape (m, D).
    """
    d = dimensions or max(3, round(1.2 * float(np.sqrt(m))))
    there = rng.random((m, d)) < _SHARE
    values = np.where(there, rng.gamma(2.0, 0.6, (m, d)), rng.exponential(0.03, (m, d)))
    return _scale_to(values, accuracy, rng)


def draw_population(
    n: int, rng: np.random.Generator, *, mean_lapse: float = 0.03, careless: int = 1
) -> tuple[Floats, Floats]:
    """Temperatures and lapses of ``n`` participants, each of shape (n,).

    Log-temperatures are normal and centred, since only their differences can be told from
    data; lapses are beta-distributed, but for the last ``careless`` participants, who guess
    much more often.
    """
    log_temperature = _TEMPERATURE_SD * rng.standard_normal(n)
    log_temperature -= log_temperature.mean()
    lapse = rng.beta(2.0, 2.0 / mean_lapse - 2.0, size=n)
    if careless:
        lapse[-careless:] = _CARELESS_LAPSE
    return np.exp(log_temperature), lapse


def simulated_people(
    stimuli: StimulusSet | Study | str | Path, n: int, *, seed: int = 0, careless: int = 1
) -> dict[str, SimulatedObserver]:
    """Simulate people who share a space made from categories, and differ in noise and lapses.

    Parameters
    ----------
    stimuli
        The stimulus set or a study, or the folder of either.
    n
        Number of people, called 1 to n.
    careless
        How many of them, the last ones, guess in 40 % of trials.

    Returns
    -------
    Observer of each participant.
    """
    if isinstance(stimuli, str | Path) and Path(stimuli, "study.toml").is_file():
        stimuli = Study.load(stimuli)
    if isinstance(stimuli, Study):
        stimuli = stimuli.stimuli
    if not isinstance(stimuli, StimulusSet):
        stimuli = StimulusSet.load(Path(stimuli), verify=False)
    rng = np.random.default_rng(seed)
    space = hierarchical_embedding(stimuli, rng)
    noise = zip(*draw_population(n, rng, careless=careless), strict=True)
    return {
        str(number): SimulatedObserver(stimuli.ids, space, float(temperature), float(lapse))
        for number, (temperature, lapse) in enumerate(noise, start=1)
    }


def simulate_choices(
    observers: SimulatedObserver | Mapping[str, SimulatedObserver],
    triplets: int | Integers | Sequence[Sequence[str]],
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Let observers choose the odd one of triplets, without a session.

    Parameters
    ----------
    observers
        One, who is called 1; or several by their codes.
    triplets
        Indices into the observer's ids, shape (n, 3), or triples of ids; or a number of triplets
        to draw anew for each observer.

    Returns
    -------
    One row a choice: participant, item_1 to item_3, chosen (1 to 3), response_time (NaN).
    """
    rng = np.random.default_rng(seed)
    people = {"1": observers} if isinstance(observers, SimulatedObserver) else observers
    parts = []
    for code, person in people.items():
        if isinstance(triplets, int):
            shown = random_triplets(len(person.ids), triplets, rng)
        else:
            shown = np.asarray(triplets)
            if shown.ndim != 2 or shown.shape[1] != 3:
                raise TwoalikeError(
                    where="triplets",
                    expected="three items in each row",
                    found=f"shape {shown.shape}",
                )
            if shown.dtype.kind not in "iu":
                shown = np.array([person.rows(list(map(str, row))) for row in shown])
        below = person.choice_probabilities(shown).cumsum(axis=1)
        chosen = (rng.random((len(shown), 1)) >= below[:, :2]).sum(axis=1)
        names = np.array(person.ids, dtype=object)[shown]
        columns = {f"item_{place + 1}": names[:, place] for place in range(3)}
        parts.append(
            pd.DataFrame(
                {"participant": code, **columns, "chosen": chosen + 1, "response_time": np.nan}
            )
        )
    return pd.concat(parts, ignore_index=True)
