"""Rows of trials that are whole: of an arrangement, a power cut may keep some rows only."""

from collections.abc import Sequence

from twoalike.tables import Table


def n_partial_rows(rows: Sequence[Sequence[str]], table: Table) -> int:
    """Rows at the end that belong to a trial of which some rows are missing.

    Parameters
    ----------
    rows
        Cells of the table, in file order, each row as long as ``table.names``.

    Examples
    --------
    >>> from twoalike.record import TASKS
    >>> n_partial_rows([], TASKS["multiarrangement"].trials)
    0
    """
    if not rows or "n_items" not in table.names:
        return 0
    trial, items = table.names.index("trial_index"), table.names.index("n_items")
    last = rows[-1]
    count = 0
    for row in reversed(rows):
        if row[trial] != last[trial]:
            break
        count += 1
    return 0 if last[items] == str(count) else count
