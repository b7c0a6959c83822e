"""``twoalike evaluate``: networks, side by side, against human judgments."""

from pathlib import Path
from typing import Any

from twoalike import results
from twoalike.cli._derived import takes
from twoalike.cli._options import named
from twoalike.cli._show import show_notes, show_summary, show_written


@takes(results.evaluate, without={"resamples"})
def evaluate(
    *,
    features: list[str] | None = None,
    baseline: str | None = None,
    ceiling: str | None = None,
    out: Path,
    **given: Any,
) -> None:
    """Score networks against people's judgments of any kind.

    Parameters
    ----------
    features
        Feature table (.npz, .parquet, .h5, or .npy with --objects), as FILE or NAME=FILE. Repeat the
        option for each network; all are compared with the first, unless there is --model.
    baseline
        Features of the network that all others are compared with (FILE or NAME=FILE), if it is
        neither the first of --features nor the network that --model started from.
    ceiling
        For simulated people: the true observer's embedding, as NAME=FILE.

    Examples
    --------
        twoalike evaluate --features base=base.npz --features aligned=aligned.npz --choices choices.parquet --out results.json
        twoalike evaluate --features aligned.npz --baseline base.npz --choices choices.parquet --out results.json
        twoalike evaluate --model student --images stimuli --rdm rdms.mat --objects ids.txt --out results.json
        twoalike evaluate --rdm rdms.mat --objects ids.txt --out results.json
    """  # noqa: E501
    found = results.evaluate(
        [named(text) for text in features or []],
        baseline=named(baseline) if baseline else None,
        ceiling=named(ceiling) if ceiling else None,
        out=out,
        **given,
    )
    show_summary(found.tables())
    show_notes(results.lost_abilities(found.transfer) if found.transfer else ())
    show_written(out)
