"""The embedding as an estimator in the manner of scikit-learn.

It follows the protocol (parameters in the constructor, ``fit`` returns self, fitted attributes
end in an underscore) without inheriting from scikit-learn, which fitting does not need. It can
be cloned, cross-validated and searched over there.
"""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import ChoiceKind, expected_accuracy, odd_item
from twoalike.embedding._config import FitConfig
from twoalike.embedding._fit import fit_embedding
from twoalike.embedding._posterior import TIED, Posterior
from twoalike.features import FeatureTable
from twoalike.judgments import choices_table, read_sets
from twoalike.study import Floats, Integers, TwoalikeError


class InputError(TwoalikeError, ValueError):
    """Input that does not fit, also as the ValueError that scikit-learn's tools expect."""


def as_triplets(x: npt.ArrayLike) -> npt.NDArray[Any]:
    """Triplets as int64 or strings, shape (n, 3), three different objects a row."""
    values = np.asarray(x)
    if values.dtype.kind == "c":
        raise InputError("X: Complex data not supported; give indices or ids of objects.")
    if values.ndim != 2 or values.shape[1] != 3 or not len(values):
        found = f"n_features = {values.shape[1]}, " if values.ndim == 2 else ""
        raise InputError(
            f"X: expected triplets of shape (n, 3), found {found}shape {values.shape}."
        )
    if values.dtype.kind == "O" and all(isinstance(value, str) for value in values.flat):
        values = values.astype(np.str_)
    if values.dtype.kind == "f" and (np.isfinite(values) & (values == np.floor(values))).all():
        values = values.astype(np.int64)
    if values.dtype.kind not in "iuU":
        raise InputError(
            "X: expected whole numbers or ids of objects, found others, fractions, NaN or inf."
        )
    same = (values == np.roll(values, 1, axis=1)).any(axis=1)
    if same.any():
        raise InputError(f"X: row {int(same.argmax())} holds an object twice.")
    return values


def as_indices(labels: npt.NDArray[Any], ids: Sequence[str]) -> Integers:
    """Rows of the objects in the embedding, shape (n, 3)."""
    if labels.dtype.kind != "U":
        found = labels.astype(np.int64)
    else:
        found = pd.Index(ids).get_indexer(pd.Index(labels.ravel())).reshape(labels.shape)
    bad = (found < 0) | (found >= len(ids))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(
            f"X: row {row}, column {column}: {labels[row, column].item()!r} is not one of the "
            f"{len(ids)} objects. Name all of them with the parameter objects."
        )
    return found


def triplet_indices(triplets: str | Path | npt.ArrayLike, ids: Sequence[str]) -> Integers:
    """Read triplets as indices of objects, shape (n, 3).

    Parameters
    ----------
    triplets
        Ids or indices from 0, shape (n, 3), or a file as for
        :func:`twoalike.judgments.read_sets`.
    ids
        All objects.
    """
    if isinstance(triplets, str | Path):
        return read_sets(Path(triplets), ids)
    return as_indices(as_triplets(triplets), ids)


ANSWERS: dict[ChoiceKind, tuple[int, ...]] = {"odd_one_out": (0, 1, 2), "anchored": (1, 2)}
"""Columns that may be chosen."""


def as_answers(y: npt.ArrayLike | None, n: int, kind: ChoiceKind = "odd_one_out") -> Integers:
    """Column of the chosen object, shape (n,); without ``y`` the third is the odd one."""
    if y is None:
        return odd_item(np.full(n, 2, dtype=np.int64), kind == "anchored")
    values = np.asarray(y)
    if values.shape != (n,):
        raise InputError(f"y: expected one answer a triplet, {n}, found shape {values.shape}.")
    if values.dtype.kind not in "iuf" or not np.isin(values, ANSWERS[kind]).all():
        which = "the odd one, 0, 1 or 2"
        if kind == "anchored":
            which = "the object that is more like the reference, 1 or 2"
        raise InputError(f"y: expected the column of {which}, found other values.")
    return values.astype(np.int64)


class OddOneOutEmbedding:
    """Bayesian embedding of objects from odd-one-out or anchored choices.

    Parameters
    ----------
    n_components
        Dimensions; None: more than needed, empty ones dropped.
    objects
        Object ids in the order of the embedding's rows, or their number where triplets hold
        indices. None: those of the triplets given to ``fit``; set it for cross-validation,
        where a part may not show every object.
    engine
        ``nuts`` samples, ``vi`` approximates, ``auto`` chooses by size.
    prior
        ``spike-and-slab``, ``softplus``, ``auto``, or one of your own, ``module:name``.
    features
        Features of the objects, shape (m, p), for a prior mean that is a learnt map of them.
    random_state
        Seed, a whole number from 0: the same seed gives the same posterior.
    kind
        ``odd_one_out``: the chosen object is the odd one. ``anchored``: the first column holds the
        reference, and chosen is the more similar to it of the others.
    options
        Further fields of :class:`twoalike.embedding.FitConfig`, such as ``{"steps": 5000}``.

    Attributes
    ----------
    posterior_
        The :class:`twoalike.embedding.Posterior`.
    embedding_
        Posterior mean of the aligned draws, shape (m, D). For predictions, similarities are
        averaged over draws, not these coordinates: use ``predict_proba`` or ``posterior_``.
    objects_
        Object ids, length m.
    classes_
        0, 1, 2: the columns of a triplet.
    n_features_in_
        3.

    Examples
    --------
    >>> model = OddOneOutEmbedding(n_components=2, engine="vi")
    >>> model.get_params()["n_components"]
    2
    """

    posterior_: Posterior
    embedding_: Floats
    objects_: tuple[str, ...]
    classes_: Integers
    n_features_in_: int

    def __init__(
        self,
        n_components: int | None = None,
        *,
        objects: Sequence[str] | int | None = None,
        engine: Literal["auto", "nuts", "vi"] = "auto",
        prior: str = "auto",
        features: npt.ArrayLike | None = None,
        random_state: int = 0,
        kind: ChoiceKind = "odd_one_out",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.n_components = n_components
        self.objects = objects
        self.engine = engine
        self.prior = prior
        self.features = features
        self.random_state = random_state
        self.kind = kind
        self.options = options

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; there are no nested ones, whatever ``deep`` says."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name."""
        for name, value in params.items():
            if name not in self._names():
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: "
                    f"{self._names()!r}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        """Write name and those parameters that are not their defaults."""
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not defaults[name].default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        """Tell whether ``fit`` was called."""
        return hasattr(self, "posterior_")

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn (1.6 or newer) what it wants to know of an estimator."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=False),
            classifier_tags=ClassifierTags(poor_score=True, multi_class=True),
            input_tags=InputTags(two_d_array=True, categorical=True, string=True),
            requires_fit=True,
        )

    def fit(
        self,
        X: npt.ArrayLike,  # noqa: N803 (scikit-learn's name)
        y: npt.ArrayLike | None = None,
        participants: Sequence[str] | npt.NDArray[Any] | None = None,
    ) -> Self:
        """Fit to n choices.

        Parameters
        ----------
        X
            Triplets, shape (n, 3): object indices from 0, or object ids (strings).
        y
            Column of the chosen object, shape (n,): of the odd one, 0, 1 or 2, or of the one more
            like the reference, 1 or 2. None: the third column is the odd one, as in the files of
            THINGS, or the second is more like the reference than the third.
        participants
            Who judged, shape (n,); None: all by one.
        """
        labels, ids = self._objects(X)
        triplets = as_indices(labels, ids)
        kind = self._kind()
        chosen = as_answers(y, len(triplets), kind)
        columns: dict[str, Any] = {f"item_{k + 1}": triplets[:, k] for k in range(3)}
        columns |= {"chosen": chosen + 1, "kind": [kind] * len(triplets)}
        if participants is not None:
            columns["participant"] = list(map(str, participants))
        config, table = self._config(), None
        if self.features is not None:
            values = np.asarray(self.features, dtype=np.float32)
            if values.ndim != 2 or len(values) != len(ids) or not np.isfinite(values).all():
                raise InputError(
                    f"features: expected finite numbers of shape ({len(ids)}, p), found "
                    f"{values.shape}."
                )
            table = FeatureTable(ids, values)
        choices = choices_table(columns, ids)
        self.posterior_ = fit_embedding(choices, features=table, config=config)
        self.embedding_ = self.posterior_.embedding.mean(axis=0)
        self.objects_ = self.posterior_.ids
        self.classes_ = np.arange(3)
        self.n_features_in_ = 3
        return self

    def predict_proba(
        self,
        X: npt.ArrayLike,  # noqa: N803
        participants: Sequence[str] | npt.NDArray[Any] | None = None,
    ) -> Floats:
        """Probability that column 0, 1, 2 is chosen, averaged over draws, shape (n, 3).

        Parameters
        ----------
        X
            Triplets, as in :meth:`fit`.
        participants
            Who judges, shape (n,): their own lapse and temperature; somebody unknown, as are all
            if None, is a new person, integrated over the population. Guesses are included.
        """
        self._check_fitted()
        triplets = as_indices(as_triplets(X), self.objects_)
        who = None
        if participants is not None:
            known = pd.Index(self.posterior_.participants)
            who = known.get_indexer(pd.Index(list(map(str, participants))))
        return self.posterior_.choice_probabilities(
            triplets, lapse=True, participants=who, kind=self._kind()
        )

    def predict(
        self,
        X: npt.ArrayLike,  # noqa: N803
        participants: Sequence[str] | npt.NDArray[Any] | None = None,
    ) -> Integers:
        """Column most probably chosen, shape (n,); of tied ones the first."""
        probabilities = self.predict_proba(X, participants)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def score(
        self,
        X: npt.ArrayLike,  # noqa: N803
        y: npt.ArrayLike | None = None,
        participants: Sequence[str] | npt.NDArray[Any] | None = None,
    ) -> float:
        """Accuracy, a tie counting 1 / (number tied).

        Not the accuracy of :meth:`predict`, which has to name one item and so can win ties by
        the order of columns.
        """
        probabilities = self.predict_proba(X, participants)
        return float(
            expected_accuracy(
                probabilities, as_answers(y, len(probabilities), self._kind()), TIED
            ).mean()
        )

    def _kind(self) -> ChoiceKind:
        if self.kind not in ANSWERS:
            raise InputError(f"kind: expected one of {', '.join(ANSWERS)}, found {self.kind!r}.")
        return self.kind

    def _check_fitted(self) -> None:
        if hasattr(self, "posterior_"):
            return
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit first.")

    def _objects(self, x: npt.ArrayLike) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
        """Triplets as given, and the ids of all objects."""
        labels = as_triplets(x)
        named = labels.dtype.kind == "U"
        if self.objects is None:
            if named:
                return labels, tuple(np.unique(labels).tolist())
            return labels, tuple(str(k) for k in range(int(labels.max()) + 1))
        if isinstance(self.objects, (int, np.integer)):
            if named:
                raise InputError("objects is a number, but the triplets hold ids; give the ids.")
            return labels, tuple(str(k) for k in range(int(self.objects)))
        ids = tuple(map(str, self.objects))
        if len(set(ids)) < len(ids):
            raise InputError("objects: an id stands twice; ids must be unique.")
        return labels, ids

    def _config(self) -> FitConfig:
        from pydantic import ValidationError

        # Searches over settings are scikit-learn's own: no pilot unless asked for.
        values: dict[str, Any] = {"quick": True} | dict(self.options or {})
        values |= {"engine": self.engine, "prior": self.prior, "dimensions": self.n_components}
        try:
            return FitConfig(seed=self.random_state, **values)
        except ValidationError as error:
            first = error.errors()[0]
            names = {"dimensions": "n_components", "seed": "random_state"}
            name = str(first["loc"][0])
            raise InputError(
                f"{names.get(name, name)}: {first['msg']}, found {first['input']!r}."
            ) from error
