"""Results as one long frame: a row per figure, from whatever the measuring functions return.

A measure is named by the keys that lead to it, such as ``odd_one_out.difference.accuracy``. What it
is about in particular, such as a level of labels, a participant or a class, is its level. The unit
and the meaning are those of :data:`MEASURES`, and ``n`` counts what the figure was computed from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from twoalike.evaluation import CHOICE_MEASURES, Candidate, Count, Figures, Span
from twoalike.study import Content, declared
from twoalike.transfer import TransferMeasure

COLUMNS = ("measure", "representation", "model", "level", "value", "low", "high", "unit", "n")
WHOLE = "vector"
"""Representation of a model that is the whole vector rather than a part of it."""
_LARGEST = 1e15
_RANGES = {"share": 1.0, "correlation": 2.0}
"""Unit -> largest figure, differences included."""
_COUNTED = "n choices answers judgments ratings sortings sets triplets pairs images objects".split()
"""Keys that say of how many a part is; the first of them that a part has counts."""
_PASSED_OVER = {"", "models", "groups", "kinds", "measures"}
"""Keys that are not part of a measure's name: what they hold has models or levels."""
_ABOUT = {"name", "to", "missing", "settings", "low", "high"}
TRANSFER = {
    "few_shot": "{shots}-shot, {level}",
    "linear_probe": "{level}, linear probe",
    "shift_seen": "{level}, {subclasses} learnt from",
    "shift_new": "{level} of new {subclasses}",
    "shift_drop": "{level}, drop for new {subclasses}",
}
"""Measure of transfer -> the level of its rows."""
MEASURES: Mapping[str, tuple[str, str]] = {
    **declared("twoalike.results", "measures.toml"),
    **{f"*.{name}": (of.unit, of.about) for name, of in CHOICE_MEASURES.items()},
}
"""Measure, with * for any keys -> unit, and meaning; the first that fits."""
Figure = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]


class Row(Content):
    """One figure."""

    measure: str
    """Keys that lead to the figure."""
    representation: str = ""
    """Part of the model's vector, `vector` for all of it; empty where there is no model."""
    model: str = ""
    """Network, or `posterior`; empty where the figure is of people, of chance or of a bound."""
    level: str = ""
    """Part of the judgments, participant, class or task that the figure is about; empty: all."""
    value: Figure
    """The figure."""
    low: Figure | None = None
    """Lower end of its 95 % interval; null where there is none."""
    high: Figure | None = None
    """Upper end."""
    unit: str = ""
    """Unit."""
    n: Count | None = None
    """Of how many judgments, triplets, sets, images, objects or classes."""

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        most = _RANGES.get(self.unit, _LARGEST)
        if abs(self.value) > most + 1e-6:
            raise ValueError(f"{self.measure}: expected at most {most:g}, found {self.value:g}")
        return self

    @property
    def name(self) -> str:
        """Model and the part of its vector, in one word."""
        return named(self.model, self.representation)


class Judged(Content):
    """The judgments of one kind that networks were scored on."""

    kind: str
    """One judgment, in words."""
    question: str = ""
    """What was asked, in words, where sets have more than three items."""
    judgments: Count | None = None
    """Judgments scored."""
    participants: Count
    """Participants."""
    objects: Count | None = None
    """Objects."""
    items: Count | None = None
    """Different triplets, sets or pairs."""
    left_out: dict[str, Count] = {}
    """Judgments, participants or objects not scored here, by reason."""

    def sentence(self) -> str:
        """How many choices of how many were scored; empty where all were."""
        lacking = self.left_out.get("without_features", 0)
        if not lacking or self.judgments is None:
            return ""
        return (
            f"{self.judgments:,} of {self.judgments + lacking:,} choices were scored: those of "
            "objects that all networks have features of."
        )


def named(model: str, representation: str) -> str:
    """Name a model, or a part of its vector."""
    return model if representation in ("", WHOLE) else f"{model}:{representation}"


@cache
def _declared(measure: str) -> str:
    found = (unit for name, (unit, _) in MEASURES.items() if fnmatchcase(measure, name))
    return next(found, "")


@dataclass(frozen=True)
class _Place:
    """Where a figure stands, by the name of its model."""

    measure: str
    name: str = ""
    level: str = ""
    unit: str = ""
    n: int | None = None

    def inside(self, key: str) -> "_Place":
        measure = self.measure if key in _PASSED_OVER else f"{self.measure}.{key}"
        return replace(self, measure=measure, unit="")

    def at(self, key: object) -> "_Place":
        return replace(self, level=f"{self.level}: {key}" if self.level else str(key))


@dataclass
class Rows:
    """Collects rows of results, what they are of, and why some figures are missing."""

    models: Mapping[str, tuple[str, str]]
    """Name of each network -> its model and representation."""
    rows: list[Row] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    judged: dict[str, Judged] = field(default_factory=dict)
    """Question or kind of judgments -> how many were scored."""

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> "Rows":
        """Make the collector for some networks."""
        return cls({one.name: model_of(one) for one in candidates})

    def add(
        self,
        measure: str,
        found: Any,
        *,
        model: str = "",
        level: str = "",
        unit: str = "",
        n: int | None = None,
    ) -> None:
        """Add a figure, or every figure of a part; a tuple has an entry per network."""
        self._walk(found, _Place(measure, model, level, unit, n))

    def _walk(self, found: Any, at: _Place) -> None:
        if isinstance(found, str) or found is None:
            return
        if isinstance(found, bool | int):
            self._row(replace(at, unit="0 or 1" if isinstance(found, bool) else "count"), found)
        elif isinstance(found, float):
            self._row(at, found)
        elif isinstance(found, TransferMeasure):
            self._transfer(found, at)
        elif isinstance(found, Mapping) and not isinstance(found, Figures):
            for key, inner in found.items():
                self._walk(inner, at.at(key))
        elif isinstance(found, tuple):
            self._each(found, at)
        else:
            self._part(found, at)

    def _each(self, found: tuple[Any, ...], at: _Place) -> None:
        """Add a part per network, or numbered ones."""
        names = list(self.models)
        parts = bool(found) and all(isinstance(one, BaseModel | Figures) for one in found)
        by_network = parts and not at.name and len(names) == len(found)
        for place, inner in enumerate(found):
            if by_network and not isinstance(inner, TransferMeasure):
                self._walk(inner, replace(at, name=names[place]))
            else:
                self._walk(inner, at if parts else at.at(place + 1))

    def _part(self, found: Any, at: _Place) -> None:
        """Add figures, a model or an estimate, which may have further figures beside it."""
        fields = _fields(found)
        counted = next((name for name in _COUNTED if isinstance(fields.get(name), int)), "")
        at = replace(at, n=fields.get(counted, at.n), name=fields.get("name", at.name))
        for name, reason in (fields.get("missing") or {}).items() if not at.level else ():
            self.missing.setdefault(at.inside(name).measure, reason)
        value = fields.pop("value", None)
        if isinstance(value, int | float):
            self._row(at, value, fields.get("low"), fields.get("high"))
        else:
            self._walk(value, at)
        for name, inner in fields.items():
            if name in _ABOUT or name == counted:
                continue
            key = "" if name == "all" and "groups" in fields else name
            here = at.inside(key)
            if isinstance(inner, Span) and isinstance(value, float):
                self._row(replace(here, unit=at.unit), value, inner.low, inner.high)
            else:
                self._walk(inner, here)

    def _transfer(self, found: TransferMeasure, at: _Place) -> None:
        """Add the scores of one task; its settings are the level."""
        words = TRANSFER[found.measure].format(**vars(found))
        at = replace(at, measure=f"{at.measure}.{found.measure}", level=words, n=found.classes)
        self._walk(found.chance, at.inside("chance"))
        for score in found.models:
            self._part(score, at)
        if found.left_out:
            key = f"{at.measure}, {words}"
            self.missing[key] = f"classes left out: {', '.join(found.left_out)}"

    def _row(self, at: _Place, value: float, low: Any = None, high: Any = None) -> None:
        model, representation = self.models.get(at.name, (at.name, WHOLE if at.name else ""))
        ends = [None if end is None else float(end) for end in (low, high)]
        self.rows.append(
            Row(
                measure=at.measure,
                representation=representation,
                model=model,
                level=at.level,
                value=float(value),
                low=ends[0],
                high=ends[1],
                unit=at.unit or _declared(at.measure),
                n=at.n,
            )
        )


def model_of(candidate: Candidate) -> tuple[str, str]:
    """Model and representation of a network, or of a part of a student's vector."""
    part = candidate.features.meta.get("part")
    model, _, named_part = candidate.name.rpartition(":")
    return (model, named_part) if part and model else (candidate.name, WHOLE)


def _fields(found: Any) -> dict[str, Any]:
    if isinstance(found, Figures):
        return dict(found)
    kind = type(found)
    names = kind.model_fields if isinstance(found, BaseModel) else kind.__dataclass_fields__
    return {name: getattr(found, name) for name in names}
