"""Groups of participants so small that their published answers may identify them.

If only one left-handed woman of about 60 took part, anyone who knows of her participation can find
all her answers. Statistical offices publish no cell with fewer than a handful of people.
"""

from collections import Counter
from collections.abc import Mapping

from twoalike.study import MISSING, counted

FEWEST = 5
"""Smallest number of people who should share a published value."""
_SHOWN = 4
"""Values of a column that are listed."""


def small_cells(answers: Mapping[str, Mapping[str, str]]) -> list[str]:
    """List values that fewer than five people have, and how many people a combination singles out.

    Parameters
    ----------
    answers
        Value by person, by column; ages in groups of ten years.

    Returns
    -------
    One line for each column with such values, and one for all columns together.

    Examples
    --------
    >>> hands = {str(k): "left" if k < 2 else "right" for k in range(12)}
    >>> small_cells({"form.hand": hands})
    ['form.hand: fewer than 5 people have left (2)']
    """
    lines = []
    for column, values in answers.items():
        counts = Counter(value for value in values.values() if value != MISSING)
        rare = sorted((n, value) for value, n in counts.items() if n < FEWEST)
        if rare:
            named = ", ".join(f"{value} ({n})" for n, value in rare[:_SHOWN])
            more = f" and {counted(len(rare) - _SHOWN, 'further value')}" if rare[_SHOWN:] else ""
            lines.append(f"{column}: fewer than {FEWEST} people have {named}{more}")
    if len(answers) > 1:
        people = sorted({person for values in answers.values() for person in values})
        kinds = {
            person: tuple(values.get(person, MISSING) for values in answers.values())
            for person in people
        }
        sizes = Counter(kinds.values())
        alone = sum(sizes[kind] < FEWEST for kind in kinds.values())
        if alone:
            lines.append(
                f"{' x '.join(answers)}: {alone} of {counted(len(people), 'participant')} share "
                f"theirs with fewer than {FEWEST - 1} others"
            )
    return lines


def age_group(cell: str) -> str:
    """Decade of an age; other text is returned unchanged.

    Examples
    --------
    >>> age_group("34"), age_group("n/a")
    ('30 to 39', 'n/a')
    """
    try:
        decade = int(float(cell)) // 10 * 10
    except (ValueError, OverflowError):
        return cell
    return f"{decade} to {decade + 9}"
