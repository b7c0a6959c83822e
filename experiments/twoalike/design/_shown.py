"""Which objects a design may show: those of the manifest that the settings do not exclude."""

from collections.abc import Mapping, Sequence

import pandas as pd

from twoalike.stimuli import StimulusSet
from twoalike.study import ArrangementConfig, DesignConfig, TwoalikeError


def shown_objects(
    stimuli: StimulusSet, config: DesignConfig | ArrangementConfig
) -> tuple[str, ...]:
    """Objects that ``config.exclude`` leaves, in manifest order.

    Raises
    ------
    TwoalikeError
        If a column or a value to exclude does not exist, or fewer than three objects are left.
    """
    name = "arrangement" if isinstance(config, ArrangementConfig) else "design"
    return tuple(shown_table(stimuli, config.exclude, name)["id"])


def shown_table(
    stimuli: StimulusSet, exclude: Mapping[str, Sequence[str]], name: str = "design"
) -> pd.DataFrame:
    """Rows of the manifest that ``exclude`` leaves, numbered from 0.

    Messages call the settings ``name``, their table in ``study.toml``.

    Raises
    ------
    TwoalikeError
        As for :func:`shown_objects`.
    """
    table = stimuli.table
    keep = pd.Series(True, index=table.index)
    columns = ("id", *stimuli.levels)
    for column, values in exclude.items():
        if column not in columns:
            raise TwoalikeError(
                f"{name}.exclude: no column {column!r} in the manifest of {stimuli.folder}; "
                f"expected one of {', '.join(columns)}."
            )
        unknown = sorted(set(values) - set(table[column]))
        if unknown:
            raise TwoalikeError(
                f"{name}.exclude: {column} {unknown[0]!r} is not in the manifest of "
                f"{stimuli.folder}. Check the spelling."
            )
        keep &= ~table[column].isin(values)
    shown = table[keep].reset_index(drop=True)
    if len(shown) < 3:
        raise TwoalikeError(
            f"{name}: {len(shown)} of {len(table)} objects are left after {name}.exclude; a "
            "trial needs three."
        )
    return shown
