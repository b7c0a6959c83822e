r"""How choice probabilities are distributed over triplets, from a few votes on each.

A few votes make any triplet look more certain than it is: the largest share of them is too
large and their entropy too small. The hierarchical model takes the probabilities p of a triplet
as drawn from a distribution G that all triplets have in common, and its votes as multinomial
given p. G is what the votes of all triplets tell; the best predictor's accuracy is then the mean
of max p under G, and a triplet's entropy is estimated from its own votes and G.

A symmetric Dirichlet for G, or a mixture of some, is too stiff: some triplets are a matter of two
objects and others of three, and the bound comes out .01 to .04 wrong with five votes, and further
off with more (benchmarks/results/ceilings.md). Here G is any mixture of points of a lattice over
the probabilities in descending order, fitted by maximum likelihood with EM (Laird 1978,
doi:10.1080/01621459.1978.10480103). Several G fit the same votes equally well, because n votes
tell no more of G than its moments up to degree n. EM starts from the uniform distribution and
does a fixed number of steps, which stays near it; how far means under the others lie apart is
what :meth:`ChoiceDistribution.identified` says.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from twoalike.ceilings._bounds import count_probabilities
from twoalike.ceilings._votes import count_types
from twoalike.choice import entropy

type Floats = npt.NDArray[np.float64]
type Counts = npt.NDArray[np.int64]

_LATTICE = 60
"""Steps from 0 to 1: probabilities a sixtieth apart, 331 in descending order."""
_STEPS = 300
"""More come nearer to distributions of a few points, and vary more where votes are few."""
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
_MOST_MOMENTS = 20
"""Votes up to which the range of means is worked out; more are known too roughly to help."""
_ROUNDING = 1e-7
_REACHED = 0.1
"""Share of the triplets that must have so many votes for their moments to count as known."""


def lattice(steps: int = _LATTICE) -> tuple[Floats, Floats]:
    """Probabilities in descending order, shape (g, 3), and their weights when all are alike.

    Examples
    --------
    >>> points, weights = lattice(2)
    >>> points, weights
    (array([[0.5, 0.5, 0. ],
           [1. , 0. , 0. ]]), array([0.5, 0.5]))
    """
    first, second = np.divmod(np.arange((steps + 1) ** 2), steps + 1)
    points = np.stack([first, second, steps - first - second], axis=1)
    points = points[(first >= second) & (points[:, 2] <= second) & (points[:, 2] >= 0)]
    different = 1 + (np.diff(points, axis=1) != 0).sum(axis=1)
    orders = np.array([1, 3, 6])[different - 1]  # in which the same values can stand
    return points / steps, orders / orders.sum()


def type_probabilities(points: Floats, types: Counts) -> Floats:
    """Probability of votes of each type, whichever object has which count, shape (g, u).

    Parameters
    ----------
    points
        Choice probabilities, shape (g, 3).
    types
        Counts in descending order, shape (u, 3); the sum of a row is the number of votes.
    """
    total = sum(count_probabilities(points, types[:, order]) for order in _ORDERS)
    different = 1 + (np.diff(types, axis=1) != 0).sum(axis=1)
    return np.asarray(total * np.array([1, 3, 6])[different - 1] / len(_ORDERS))


@dataclass(frozen=True)
class ChoiceDistribution:
    """Distribution of the choice probabilities of triplets, fitted to their votes.

    Attributes
    ----------
    points
        Choice probabilities in descending order, shape (g, 3).
    weights
        Share of the triplets at each point, shape (g,).
    likelihood
        Probability of each type of votes at each point, shape (g, u).
    types, shares
        Votes it was fitted to: counts, shape (u, 3), and the share of triplets with each.
    path
        Weights at each step of the fit, shape (steps + 1, g).
    """

    points: Floats
    weights: Floats
    likelihood: Floats
    types: Counts
    shares: Floats
    path: Floats

    def mean(self, values: Floats) -> Floats:
        """Mean over triplets of a function of the probabilities, shape (g,) or (g, f)."""
        return np.asarray(self.weights @ values)

    def posterior_mean(self, counts: npt.NDArray[np.integer], values: Floats) -> Floats:
        """Mean of a function of a triplet's probabilities, given its votes.

        Parameters
        ----------
        counts
            Votes for its objects in any order, shape (m, 3).
        values
            The function at each point, shape (g,).

        Returns
        -------
        Shape (m,).
        """
        types, of = count_types(np.asarray(counts, dtype=np.int64))
        joint = self.weights[:, None] * type_probabilities(self.points, types)
        return np.asarray((values @ joint / joint.sum(axis=0))[of])

    def influence(self, values: Floats) -> Floats:
        """Differentiate means with respect to the shares of the types of votes.

        Exact, by going back through the steps of the fit; it says how the means change when a
        triplet's votes change or a triplet is left out.

        Parameters
        ----------
        values
            Functions of the probabilities at each point, shape (g, f).

        Returns
        -------
        Shape (u, f).
        """
        slope = np.asarray(values, dtype=np.float64)
        total = np.zeros((len(self.types), slope.shape[1]))
        for weights in self.path[-2::-1]:
            predicted = weights @ self.likelihood
            ratio = self.shares / predicted
            by_type = ((slope * weights[:, None]).T @ self.likelihood / predicted).T
            total += by_type
            slope = slope * (self.likelihood @ ratio)[:, None]
            slope -= self.likelihood @ (by_type * ratio[:, None])
        return total

    def identified(self, values: Floats) -> tuple[float, float]:
        """Smallest and largest mean of a function under distributions that fit equally well.

        Those have in common with this one how often votes of each type are expected, for the
        number of votes that at least a tenth of the triplets have.

        Parameters
        ----------
        values
            The function at each point, shape (g,).
        """
        votes = self.types.sum(axis=1)
        reached = [n for n in np.unique(votes) if self.shares[votes >= n].sum() >= _REACHED]
        types = sorted_counts(min(int(max(reached)), _MOST_MOMENTS))
        likelihood = type_probabilities(self.points, types)
        expected = self.weights @ likelihood
        # Room for rounding: this distribution itself meets the conditions, so that a solution
        # exists.
        both = np.concatenate([likelihood.T, -likelihood.T])
        most = np.concatenate([expected, -expected]) + _ROUNDING
        ends = []
        for sign in (1, -1):
            found = linprog(sign * values, A_ub=both, b_ub=most)
            if found.x is None:
                raise RuntimeError(f"range of the mean of a function: {found.message}")
            ends.append(float(values @ found.x))
        value = float(self.mean(values))
        return min(ends[0], value), max(ends[1], value)


def sorted_counts(n: int) -> Counts:
    """Every way to split n votes, in descending order, shape (u, 3).

    Examples
    --------
    >>> sorted_counts(3)
    array([[1, 1, 1],
           [2, 1, 0],
           [3, 0, 0]])
    """
    points, _ = lattice(n)
    return np.asarray(np.rint(points * n), dtype=np.int64)


def fit_distribution(
    types: Counts, triplets: npt.NDArray[np.integer], *, steps: int = _STEPS
) -> ChoiceDistribution:
    """Fit the distribution of choice probabilities to votes.

    Parameters
    ----------
    types
        Counts in descending order, shape (u, 3), as :func:`count_types` gives them.
    triplets
        Number of triplets with each, shape (u,); may be 0.
    steps
        Steps of EM.

    Raises
    ------
    ValueError
        If there is no triplet.

    Examples
    --------
    >>> from twoalike.choice import entropy
    >>> certain = fit_distribution(np.array([[5, 0, 0]]), np.array([100]))
    >>> float(certain.mean(certain.points.max(axis=1)).round(2))
    1.0
    """
    if np.sum(triplets) == 0:
        raise ValueError("the distribution of choice probabilities needs votes on some triplets")
    shares = np.asarray(triplets / np.sum(triplets), dtype=np.float64)
    points, weights = lattice()
    likelihood = type_probabilities(points, types)
    path = [weights]
    for _ in range(steps):
        weights = weights * (likelihood @ (shares / (weights @ likelihood)))
        path.append(weights)
    return ChoiceDistribution(points, weights, likelihood, types, shares, np.stack(path))


def posterior_entropy(distribution: ChoiceDistribution, counts: npt.NDArray[np.integer]) -> Floats:
    """Entropy of each triplet's choice probabilities in nats, given its votes, shape (m,).

    The posterior mean, with the distribution over triplets as the prior: unlike the plug-in
    entropy it is not zero where a few votes happen to agree.

    Parameters
    ----------
    distribution
        Of the choice probabilities.
    counts
        Votes for the objects of each triplet, shape (m, 3).
    """
    return distribution.posterior_mean(counts, entropy(distribution.points))
