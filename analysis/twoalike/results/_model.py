"""``results.json`` and ``transfer.json`` as models: what ``evaluate`` and ``transfer`` measure.

Each part is declared beside the function that measures it; :class:`Results` puts them together. A
key that a file lacks (it may be of an older version) stays absent when the file is written again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

import numpy as np
from pydantic import BaseModel, model_validator

from twoalike.calibration import SetCalibration, Uncertainty
from twoalike.ceilings import Ceilings, MajorityAgreement, SetCeilings
from twoalike.choice import ChoiceKind
from twoalike.evaluation import (
    ChoiceScores,
    Count,
    Measured,
    Nats,
    People,
    PeopleScores,
    PersonScores,
    Quantity,
    RatingResults,
    SetResults,
    Share,
    SortingResults,
    SubsetScores,
)
from twoalike.results._tables import (
    SummaryTable,
    as_html,
    both_sides,
    likeness,
    results_tables,
    transfer_tables,
)
from twoalike.rsa import Structure
from twoalike.study import Booleans, TwoalikeError, check_content, read_json, write_json
from twoalike.transfer import Transfer, TransferDifference, TransferMeasure, TransferScore

if TYPE_CHECKING:
    import pandas as pd


class InputFile(Measured):
    """A file that the results were made from."""

    file: str
    """Name, without folders."""
    sha256: str
    """Checksum of the content."""


class Saved(Measured):
    """Results in a file that says how they were made."""

    command: ClassVar[str]

    schema_version: Literal[0, 1] = 0
    """Version of the form of the file."""
    kind: str
    """What the file is."""
    twoalike_version: str
    """Version of twoalike that wrote it."""
    seed: Any
    """Seed that makes the same results again."""
    inputs: dict[str, InputFile]
    """Files it was made from, by role."""
    config: dict[str, Any]
    """Resolved settings."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that :meth:`save` wrote."""
        kind = get_args(cls.model_fields["kind"].annotation)[0]
        content = read_json(Path(path), kind)
        return check_content(content, cls, path, f"Make it again with: twoalike {cls.command}")

    def save(self, path: str | Path) -> None:
        """Write the file (.json), all or nothing."""
        write_json(Path(path), self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Content of the file as plain dictionaries and lists."""
        return self.model_dump(mode="json", exclude_unset=True)

    def provenance(self) -> dict[str, Any]:
        """How the results were made: version, seed, inputs and settings."""
        return self.model_dump(mode="json", include=set(Saved.model_fields))

    def to_frame(self) -> "pd.DataFrame":
        """Every estimate in a row: where it is, of which network, and its interval.

        Returns
        -------
        Columns ``network`` (empty where it is of people), ``measure`` (keys in the file),
        ``value``, ``low``, ``high`` (missing where there is no interval) and ``unit``.
        """
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for name in [key for key in type(self).model_fields if key not in Saved.model_fields]:
            rows += _estimates(getattr(self, name), "", (name,), self._networks())
        columns = ["network", "measure", "value", "low", "high", "unit"]
        return pd.DataFrame(rows, columns=columns)

    def tables(self) -> list[SummaryTable]:
        """Tables of the main figures, as the command shows them."""
        raise NotImplementedError

    def _networks(self) -> tuple[str, ...]:
        """Names of the networks, in order, where a part does not repeat them."""
        return ()

    def __str__(self) -> str:
        """Return what ``repr`` returns."""
        return repr(self)

    def _repr_html_(self) -> str:
        return "".join(map(as_html, self.tables()))


class Seen(Measured):
    """Judgments that what is scored was fitted to, itself or what taught it."""

    judgments: Count
    """Main and repeated judgments of the file."""
    seen: Count | None
    """Those of a participant about items that were fitted to; null if there is no record."""
    by: dict[str, Count] = {}
    """Network or posterior -> judgments that it was fitted to, if there are any."""
    excluded: bool
    """Whether these were left out."""

    @classmethod
    def of(
        cls,
        table: "pd.DataFrame",
        by: Mapping[str, Booleans | None],
        kind: str,
        *,
        exclude: bool,
    ) -> "tuple[Seen, pd.DataFrame]":
        """Count the judgments that each was fitted to, (n,), and leave them out if asked to.

        Raises
        ------
        TwoalikeError
            If they are to be left out, and there is no record of them or nothing else is left.
        """
        known = {name: seen for name, seen in by.items() if seen is not None}
        every = np.logical_or.reduce([np.zeros(len(table), dtype=bool), *known.values()])
        unknown = bool(by) and not known
        found = cls(
            judgments=len(table),
            seen=None if unknown else int(every.sum()),
            by={name: int(seen.sum()) for name, seen in known.items() if seen.any()},
            excluded=exclude,
        )
        if exclude and (unknown or every.all()):
            raise TwoalikeError(
                where=f"`exclude_seen=True`, {kind}",
                expected="judgments that were not fitted to",
                found="no record of what was" if unknown else f"{len(table):,}, all fitted to",
            )
        return found, table[~every] if exclude else table

    def titled(self, title: str) -> str:
        """Title of a table of these judgments, which says first whether they were fitted to."""
        if self.seen is None:
            return f"{title}; whether they were fitted to is not recorded"
        if not self.seen or self.excluded:
            return f"{title}; {self.seen:,} fitted to and left out" if self.seen else title
        some = "" if self.seen == self.judgments else f"{self.seen:,} of {self.judgments:,} "
        return f"{some}IN-SAMPLE ({', '.join(self.by)}): {title}"

    def sentence(self, kind: str) -> str:
        """State the same in a sentence; empty where nothing was fitted to."""
        if not self.seen:
            return ""
        fitted = f"{self.seen:,} of the {self.judgments:,} {kind} were fitted to by "
        fitted += ", ".join(self.by)
        if self.excluded:
            return f"{fitted}; they are left out."
        return f"In-sample: {fitted}, of which scores are no test on new ones."


class Network(Measured):
    """A network as it was scored."""

    name: str
    """Network."""
    role: str
    """`model`, or `ceiling`: the embedding of the simulated observer itself."""
    similarity: str
    """How similarities come from features: cosine, raw-cosine or dot."""
    features: dict[str, Any] = {}
    """Provenance of its features."""


class ModelScores(ChoiceScores, Network):
    """One network, and its agreement with people."""

    rdm: PeopleScores | None
    """Rank correlation with people's dissimilarities."""


class Chance(Measured):
    """What guessing scores."""

    accuracy: Share
    """1/3, of anchored choices 1/2."""
    log_loss: Nats
    """Log 3, of anchored choices log 2."""


class JudgmentCounts(Measured):
    """The choices that networks were scored on."""

    kind: ChoiceKind = "odd_one_out"
    """What was asked: the odd one of three, or which of two is more like a reference."""
    choices: Count
    """Choices scored."""
    participants: Count
    """Participants."""
    objects: Count
    """Objects."""
    triplets: Count | None = None
    """Different triplets."""
    left_out: dict[str, Count] = {}
    """Choices not scored here, by reason; those of the other kind are scored apart."""
    chance: Chance
    """What guessing scores."""

    @property
    def name(self) -> str:
        """Kind of the choices in words."""
        return self.kind.replace("_", "-")

    def sentence(self) -> str:
        """How many choices of how many were scored; empty where all were."""
        lacking = self.left_out.get("without_features", 0)
        if not lacking:
            return ""
        return (
            f"{self.choices:,} of {self.choices + lacking:,} choices were scored: those of objects "
            "that all networks have features of."
        )


class AgreementParts(Measured):
    """Agreement of one network with people, in parts."""

    participants: dict[str, PersonScores] | None = None
    """Participant -> scores; null where participants are not told apart."""
    categories: dict[str, dict[str, SubsetScores]]
    """Level of labels -> category -> scores of the choices in which it occurs."""
    majority: MajorityAgreement
    """Against majorities, as published."""


class KindResults(Measured):
    """What was measured on the choices of one kind."""

    judgments: JudgmentCounts
    """Choices that networks were scored on."""
    models: tuple[ChoiceScores, ...]
    """Agreement of each network, in the order of `models`."""
    agreement: tuple[AgreementParts, ...]
    """Agreement in parts, of each network in the order of `models`."""
    ceilings: Ceilings
    """How well any model could agree."""
    uncertainty: Uncertainty
    """Calibration, and uncertainty of models and people."""


class SetKindResults(SetResults):
    """What was measured on the choices that answer one question about larger sets."""

    ceilings: SetCeilings | None = None
    """How well any model could answer."""
    calibration: tuple[SetCalibration, ...] | None = None
    """Of each network, in the order of `models`; null where there is one set only."""


class ScoringConfig(Measured):
    """How networks were scored."""

    resamples: Count
    """Bootstrap resamples for the scores on choices."""
    interval: Share | None = None
    """Share of the resamples inside an interval."""


class Results(Saved):
    """What ``evaluate`` measures of networks and of people.

    A part whose inputs were not given is None, and ``missing`` says what it needs.

    Examples
    --------
    >>> results = Results.load("derived/results.json")  # doctest: +SKIP
    >>> results.models[0].accuracy.value  # doctest: +SKIP
    0.512
    """

    command: ClassVar[str] = "evaluate"

    kind: Literal["results"] = "results"
    """What the file is."""
    config: ScoringConfig  # type: ignore[assignment]
    """How networks were scored."""
    models: tuple[ModelScores, ...]
    """Networks; the first is the one that the others are compared with."""
    judgments: JudgmentCounts | None
    """Choices that networks were scored on."""
    rdm: People | None
    """People's dissimilarities."""
    agreement: tuple[AgreementParts, ...] | None = None
    """Agreement in parts, of each network in the order of `models`."""
    ceilings: Ceilings | None = None
    """How well any model could agree."""
    uncertainty: Uncertainty | None = None
    """Calibration, and uncertainty of models and people."""
    structure: Structure | None = None
    """Similarity structure."""
    transfer: Transfer | None = None
    """What else the features are good for."""
    ability: tuple[TransferMeasure, ...] = ()
    """Few-shot classification by nearest class means, beside the likeness to people."""
    anchored: KindResults | None = None
    """Anchored choices, where networks were scored on odd-one-out choices as well."""
    sets: dict[str, SetKindResults] = {}
    """Choices among more than three items, by question and number of items."""
    ratings: RatingResults | None = None
    """Ratings of pairs."""
    sortings: SortingResults | None = None
    """Sortings into piles."""
    missing: dict[str, str] = {}
    """Part -> why it is null."""
    seen: dict[str, Seen] = {}
    """Kind of judgments -> how many of them networks or the posterior were fitted to."""

    def titled(self, kind: str, title: str) -> str:
        """Title of a table of judgments of one kind, which says if it is in-sample."""
        return self.seen[kind].titled(title) if kind in self.seen else title

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for part in self._misfits():
            raise ValueError(f"{part} does not fit the models")
        return self

    def _misfits(self) -> Iterator[str]:
        """Parts that are of other networks, or that lack something of a network."""
        names = set(self._networks())
        if len(names) < len(self.models) or not (names or self.rdm):
            yield "the list of names"
            return
        if self.anchored and len(self.anchored.models) != len(self.models):
            yield "anchored"
        if any(
            len(part) != len(self.models)
            for of in self.sets.values()
            for part in (of.models, of.calibration)
            if part is not None
        ):
            yield "sets"
        for name, found in (("ratings", self.ratings), ("sortings", self.sortings)):
            if found and len(found.models) != len(self.models):
                yield name
        if self.judgments:
            yield from self._misfitting_scores()
        if self.rdm and any(model.rdm is None for model in self.models):
            yield "rdm"
        if self.agreement is not None and not self._agreement_fits(self.agreement):
            yield "agreement"
        if self.uncertainty and len(self.uncertainty.models) != len(self.models):
            yield "uncertainty"
        if self.structure and not {of.name for of in self.structure.models} <= names:
            yield "structure"
        measures = self.transfer.measures if self.transfer else ()
        if not {of.name for measure in measures for of in measure.models} <= names:
            yield "transfer"

    def _misfitting_scores(self) -> Iterator[str]:
        first, *others = self.models
        if any(None in (m.accuracy, m.log_loss, m.temperature) for m in self.models):
            yield "judgments"
        if any(m.difference is None or m.difference.accuracy is None for m in others):
            yield "difference"
        for group, subsets in first.groups.items():
            if any(not subsets.keys() <= model.groups.get(group, {}).keys() for model in others):
                yield "groups"

    def _agreement_fits(self, parts: tuple[AgreementParts, ...]) -> bool:
        return len(parts) == len(self.models) and all(
            labels.keys() <= part.categories.get(level, {}).keys()
            for part in parts
            for level, labels in parts[0].categories.items()
        )

    def by_kind(self) -> "tuple[Results, ...]":
        """Results of each kind of choices, with one kind in each; the first keeps all the rest."""
        if self.anchored is None:
            return (self,)
        first = self.model_copy(update={"anchored": None})
        scores = zip(self.models, self.anchored.models, strict=True)
        parts = dict(self.anchored) | {
            "models": tuple(model.model_copy(update=dict(of)) for model, of in scores),
            **dict.fromkeys(("rdm", "structure", "transfer", "ratings", "sortings")),
            "sets": {},
        }
        return first, first.model_copy(update=parts)

    def both_sides(self) -> SummaryTable:
        """Likeness and few-shot ability, a row each vector; only where there is ``ability``."""
        return both_sides(likeness(self), self.ability)

    def tables(self) -> list[SummaryTable]:
        """Tables of the main figures, as ``twoalike evaluate`` shows them."""
        return results_tables(self)

    def _networks(self) -> tuple[str, ...]:
        return tuple(model.name for model in self.models)

    def __repr__(self) -> str:
        """Networks and judgments in one line."""
        parts = [
            name
            for name in (
                *("judgments", "sets", "rdm", "ratings", "sortings"),
                *("structure", "transfer"),
            )
            if getattr(self, name)
        ]
        of = "; ".join(", ".join(each) for each in (self._networks(), parts) if each)
        return f"<Results: {of}>"


class TransferResults(Saved, Transfer):
    """What ``transfer`` measures of networks."""

    command: ClassVar[str] = "transfer"

    kind: Literal["transfer"] = "transfer"
    """What the file is."""

    def tables(self) -> list[SummaryTable]:
        """Tables of all measures, as ``twoalike transfer`` shows them."""
        return transfer_tables(self)

    def __repr__(self) -> str:
        """Networks and measures in one line."""
        names = [of.name for of in self.measures[0].models] if self.measures else []
        kinds = dict.fromkeys(of.measure for of in self.measures)
        return f"<TransferResults: {', '.join(names)}; {', '.join(kinds)}>"


def quantity_of(annotation: Any) -> Quantity | None:
    """Find the unit and range that the type of a field declares."""
    if isinstance(annotation, Quantity):
        return annotation
    parts = [*get_args(annotation), *getattr(annotation, "__metadata__", ())]
    return next(filter(None, map(quantity_of, parts)), None)


def _estimates(
    value: Any, network: str, keys: tuple[str, ...], names: tuple[str, ...], unit: str = ""
) -> Iterator[tuple[str, str, float, float | None, float | None, str]]:
    """Rows of :meth:`Saved.to_frame` for whatever ``value`` holds."""
    where = ".".join(keys)
    if isinstance(value, BaseModel):
        network = getattr(value, "name", network)
        if isinstance(value, TransferMeasure):
            about = (value.measure, value.level, value.subclasses, value.shots)
            keys = (*keys, *(str(part) for part in about if part is not None))
        if isinstance(value, TransferScore | TransferDifference):  # its interval is its own fields
            yield network, where, value.value, value.low, value.high, unit
            gain = value.difference if isinstance(value, TransferScore) else None
            yield from _estimates(gain, network, (*keys, "difference"), names)
            return
        for name, field in type(value).model_fields.items():
            declared = field.metadata[-1:] or [field.annotation]
            quantity = quantity_of(declared[0])
            found = quantity.unit if quantity else ""
            yield from _estimates(getattr(value, name), network, (*keys, name), names, found)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _estimates(inner, network, (*keys, str(name)), names, unit)
    elif isinstance(value, tuple):
        by_network = keys[-1] in ("agreement", "models", "calibration") and len(names) == len(value)
        for inner, name in zip(value, names if by_network else [network] * len(value), strict=True):
            if isinstance(inner, BaseModel):
                yield from _estimates(inner, name, keys, names, unit)
    elif hasattr(value, "value"):
        yield network, where, value.value, value.low, value.high, unit
    elif is_dataclass(value):
        yield from _estimates(vars(value), network, keys, names, unit)
    elif isinstance(value, float):
        yield network, where, value, None, None, unit
