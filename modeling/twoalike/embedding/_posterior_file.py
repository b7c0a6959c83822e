"""The file of a posterior: ArviZ's groups in netCDF-4, written all or nothing and read strictly.

:data:`VARIABLES` says what the group ``posterior`` may hold; a prior of somebody else may add more.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from twoalike.study import (
    DAMAGED_HDF5,
    Content,
    FiniteNumber,
    TwoalikeError,
    WholeNumber,
    atomic_path,
    check_content,
    check_ending,
    check_hdf5,
    check_schema,
    parse_json,
    require_file,
    shortened,
)

if TYPE_CHECKING:
    import xarray as xr

SCHEMA_VERSION = 1
GROUP_OF = "participant_group"
"""Coordinate of a posterior: the group of each participant."""
COVARIATES = "participant_covariates"
"""Coordinate of a posterior: the covariates of each participant, standardised over all."""
OTHER_AXES = ("arranger", "source", "rater", "sorter", "answerer")
"""Axes of those who gave other judgments than choices."""
ROUNDING = 1e-6
"""By which single precision may exceed a bound."""

type Possible = Literal["", "from 0 to 1", "above 0", "of at least 0", "in ascending order"]


@dataclass(frozen=True)
class Variable:
    """A quantity of each draw: axes beside chain and draw, and which values are possible.

    It is needed where the file has ``beside``, an axis or another variable.
    """

    axes: tuple[str, ...]
    possible: Possible = ""
    beside: str = ""

    @property
    def dims(self) -> tuple[str, ...]:
        return ("chain", "draw", *self.axes)


def _each(axes: str, *names: str, beside: str = "", possible: Possible = "") -> dict[str, Variable]:
    return dict.fromkeys(names, Variable(tuple(axes.split()), possible, beside))


def _pooled(symbol: str, noise: str, axis: str) -> dict[str, Variable]:
    """Give the noise of those who gave a kind of judgments, and what it is pooled by."""
    return {
        **_each(axis, noise, beside=axis, possible="above 0"),
        **_each("", f"{symbol}_location"),
        **_each("", f"{symbol}_spread", possible="of at least 0"),
    }


VARIABLES: Mapping[str, Variable] = {
    **_each("object dimension", "embedding", beside="always"),
    **_each("participant", "temperature", beside="always", possible="above 0"),
    **_each("participant", "lapse", beside="always", possible="from 0 to 1"),
    **_each("", "temperature_spread", "lapse_spread", possible="of at least 0"),
    **_each("", "lapse_location"),
    **_each("covariate", "temperature_slope", "lapse_slope"),
    **_each("participant dimension", "log_weight", beside="log_weight"),
    **_each("", "weight_spread", beside="log_weight", possible="of at least 0"),
    **_each("group dimension", "group_log_weight", beside="group_log_weight"),
    **_each("", "weight_group_spread", possible="of at least 0"),
    **_each("covariate dimension", "weight_slope"),
    **_pooled("arrangement", "arrangement_noise", "arranger"),
    **_pooled("object_noise", "object_noise", "source"),
    **_pooled("pair_noise", "pair_noise", "source"),
    **_pooled("rating", "rating_noise", "rater"),
    **_each("rater", "rating_origin", beside="rater"),
    **_each("rater", "rating_unit", beside="rater", possible="of at least 0"),
    # NaN where a scale has fewer thresholds than another.
    **_each("rater threshold", "rating_threshold", beside="rater", possible="in ascending order"),
    **_each("object", "rating_order"),
    **_each("", "rating_order_spread", possible="of at least 0"),
    **_pooled("sorting", "sorting_noise", "sorter"),
    **_each("sorter", "sorting_origin", "sorting_threshold", beside="sorter"),
    **_each("sorter", "sorting_unit", beside="sorter", possible="of at least 0"),
    **_each("answerer", "source_slope", beside="answerer"),
    **_each("answerer", "source_apart", beside="answerer", possible="of at least 0"),
    **_each("answerer", "source_lapse", beside="answerer", possible="from 0 to 1"),
}
"""What the group ``posterior`` may hold."""


class InputFile(Content):
    file: str
    sha256: str


class Provenance(Content):
    seed: Any = None
    inputs: dict[str, InputFile] = {}


class Convergence(Content):
    predictions: bool | None = None
    intervals: bool | None = None
    divergences: WholeNumber = 0
    loss_change: FiniteNumber = 0.0
    choice_rhat_95: FiniteNumber | None = None
    similarity_rhat_95: FiniteNumber | None = None
    fits_apart: FiniteNumber | None = None


class Links(Content):
    never: WholeNumber
    once: WholeNumber
    islands: tuple[WholeNumber, ...]
    never_named: tuple[str, ...]
    once_named: tuple[str, ...]
    islands_named: tuple[str, ...]
    arranged: WholeNumber = 0


class Excluded(Content):
    careless: FiniteNumber
    people: dict[str, str]


class Questions(Content):
    choices: dict[Annotated[str, Field(pattern="^[a-z_]+_[3-9]$")], WholeNumber]


JSON_ATTRS: Mapping[str, type[Content]] = {
    "provenance": Provenance,
    "convergence": Convergence,
    "links": Links,
    "excluded": Excluded,
    "questions": Questions,
    **dict.fromkeys(("dimensions", "held_out", "pilot", "covariates", "terms"), Content),
    "hyperparameters": Content,
}
"""Attributes that hold JSON, since netCDF knows no nested ones, and what is read again of each."""


def stacked(group: "xr.Dataset", name: str, dtype: Any = np.float64) -> Any:
    values = group[name].values  # chain x draw x ...
    return np.asarray(values.reshape(-1, *values.shape[2:]), dtype=dtype)


def flat_attrs(attrs: Mapping[str, Any]) -> dict[str, Any]:

    def plain(value: Any) -> Any:
        return vars(value) if hasattr(value, "__dict__") else repr(value)

    return {
        name: json.dumps(value, default=plain) if name in JSON_ATTRS else value
        for name, value in attrs.items()
    }


def write_tree(path: Path, tree: "xr.DataTree") -> None:
    """Write the groups compressed, floating-point values as float32."""
    check_ending(path, [".nc"], "a posterior")
    encoding: dict[str, Any] = {}
    for node in tree.subtree:
        packed = {
            name: {"zlib": True, "complevel": 1, "shuffle": True}
            | ({"dtype": "float32"} if variable.dtype.kind == "f" else {})
            for name, variable in node.data_vars.items()
            if variable.dtype.kind in "fiu" and variable.ndim
        }
        encoding[node.path] = packed
    # By way of memory: where HDF5 meets a full disk, its file cannot be closed any more, and ends
    # the process once it is collected.
    content = tree.to_netcdf(engine="h5netcdf", encoding=encoding)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def read_tree(path: Path) -> "xr.DataTree":
    """Read the groups into memory and check that they are a posterior of ours."""
    import xarray as xr

    require_file(path, "a posterior (.nc)")
    try:
        check_hdf5(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is refused below
            # Dimensions without a name get one here, and are refused below.
            with xr.open_datatree(path, engine="h5netcdf", phony_dims="access") as opened:
                tree = opened.load().copy()
    except DAMAGED_HDF5 as error:
        raise TwoalikeError(
            f"{path}: cannot be read as a posterior, the file is damaged or of another kind "
            f"({shortened(error)}). Fit it again."
        ) from error
    found = tree["posterior"].dataset if "posterior" in tree.children else xr.Dataset()
    _check_variables(path, found)
    _check_labels(path, found, tree)
    _check_attributes(path, tree)
    for name, variable in VARIABLES.items():
        if name in found:
            _check_values(path, name, found[name].values, variable.possible)
    return tree


def _check_variables(path: Path, found: "xr.Dataset") -> None:
    for name, variable in VARIABLES.items():
        there = {"always", *found.coords, *found}
        if variable.beside not in there or (name in found and found[name].dims == variable.dims):
            continue
        what = f"dimensions {found[name].dims}" if name in found else "no such variable"
        raise TwoalikeError(
            f"{path}: expected a posterior with {name!r} ({' x '.join(variable.dims)}) in group "
            f"'posterior', found {what}. Make one with: twoalike fit"
        )
    groups = ["group", GROUP_OF] if "group_log_weight" in found else []
    for name in ["object", "participant", *groups]:
        if name not in found.coords:
            raise TwoalikeError(
                f"{path}: expected the labels {name!r} as a coordinate, found none. "
                "Make one with: twoalike fit"
            )


def _check_labels(path: Path, found: "xr.Dataset", tree: "xr.DataTree") -> None:
    """Refuse an object or person listed twice, and counts of others than in the draws."""
    known = tree["constant_data"].dataset.coords if "constant_data" in tree.children else {}
    for axis in ("object", "participant"):
        labels = [str(name) for name in found[axis].values]
        if len(set(labels)) < len(labels):
            twice = next(name for name in labels if labels.count(name) > 1)
            raise TwoalikeError(
                f"{path}: expected different labels of {axis!r}, found {twice!r} twice. Fit it "
                "again."
            )
        if axis in known and [str(name) for name in known[axis].values] != labels:
            raise TwoalikeError(
                f"{path}: expected the labels {axis!r} of 'constant_data' as in 'posterior', found "
                "others. Fit it again."
            )


def _check_values(path: Path, name: str, values: Any, possible: Possible) -> None:
    is_number = values.dtype.kind in "fiu" and values.size
    ascending = possible == "in ascending order"
    if not is_number or np.isinf(values).any() or (np.isnan(values).any() and not ascending):
        what = "NaN or infinite values" if values.dtype.kind == "f" else str(values.dtype)
        raise TwoalikeError(
            f"{path}: the {name} holds {what if values.size else 'nothing'}. Fit it again."
        )
    if ascending and (np.diff(values) < 0).any():
        raise TwoalikeError(f"{path}: expected {name} {possible}. Fit it again.")
    low, high = np.nanmin(values), np.nanmax(values)
    if possible and not ascending and (low < 0 or (possible == "above 0" and low == 0)):
        raise TwoalikeError(f"{path}: expected {name} {possible}, found {low:g}. Fit it again.")
    if possible == "from 0 to 1" and high > 1 + ROUNDING:
        raise TwoalikeError(f"{path}: expected {name} {possible}, found {high:g}. Fit it again.")


def _check_attributes(path: Path, tree: "xr.DataTree") -> None:
    """Check that the attributes are what a posterior expects, of a version that is known."""
    for name, content in JSON_ATTRS.items():
        if not isinstance(tree.attrs.get(name, ""), str):
            raise TwoalikeError(f"{path}: attribute {name} is damaged. Fit it again.")
        where = f"{path}: attribute {name}"
        if name in tree.attrs:
            found = parse_json(tree.attrs[name], where, "Fit it again.")
            if name == "convergence" and isinstance(found, dict):  # R-hat of few draws is NaN
                found = {key: value for key, value in found.items() if value == value}  # noqa: PLR0124
            check_content(found, content, where, "Fit it again.")
    check_schema(tree.attrs.get("schema_version", SCHEMA_VERSION), path, SCHEMA_VERSION)
