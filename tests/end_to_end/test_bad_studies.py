"""Bad study folders: each ends `twoalike run` in one clear line before the participant starts."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import call
from tests.stimuli.odd_images import png

from twoalike.observers import SimulatedObserver
from twoalike.study import sha256_file

TRIPLETS, ARRANGING = "odd-one-out", "multi-arrangement"
BOTH = (TRIPLETS, ARRANGING)
PROTOCOLS = {task: f"protocols/{task.replace('-', '_')}.toml" for task in BOTH}
SHORT = {"design": "trials = 6\npractice = 0\n[arrangement]\nmax_trials = 2\npractice_items = 0\n"}
LISTS = {
    TRIPLETS: "design/sub-901_ses-01_task-oddoneout_trials.tsv",
    ARRANGING: "design/sub-901_ses-01_task-multiarrangement_trials.tsv",
}


def edit(root: Path, file: str, old: str, new: str) -> Path:
    """Change a text of the study; what it stood for has to be there."""
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return root / file


def relist(root: Path, rows: Callable[[list[list[str]]], list[list[str]]]) -> Path:
    """Change the manifest, given and taken as rows of cells, the header first."""
    path = root / "stimuli" / "stimuli.tsv"
    cells = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    text = "".join("\t".join(row) + "\n" for row in rows(cells))
    path.write_text(text, encoding="utf-8")
    return path


def replace_image(root: Path, content: bytes) -> Path:
    """Put another file in the place of the first image, with a checksum that is right."""
    image = root / "stimuli" / "warm0.png"
    old = sha256_file(image)
    image.write_bytes(content)
    return edit(root, "stimuli/stimuli.tsv", old, sha256_file(image))


def truncated_png(root: Path) -> bytes:
    content = (root / "stimuli" / "warm0.png").read_bytes()
    return content[: len(content) // 2]


def manifest(rows: Callable[[list[list[str]]], list[list[str]]]) -> Callable[[Path, str], object]:
    return lambda root, task: relist(root, rows)


def listed(text: Callable[[str], str]) -> Callable[[Path, str], object]:
    """Write the session's trial list with `twoalike design`, and change its text."""

    def write(root: Path, task: str) -> None:
        if task == ARRANGING:
            edit(root, "study.toml", "[arrangement]", '[arrangement]\nscheduler = "full"')
        assert call("design", root, "--task", task, "--participants", "901") == 0
        path = root / LISTS[task]
        path.write_text(text(path.read_text(encoding="utf-8")), encoding="utf-8")

    return write


def column_dropped(text: str, name: str = "trial_type") -> str:
    rows = [line.split("\t") for line in text.splitlines()]
    place = rows[0].index(name)
    return "".join("\t".join(row[:place] + row[place + 1 :]) + "\n" for row in rows)


def fill_window(root: Path, task: str) -> None:
    relist(root, lambda rows: rows + [[f"x{k}", *rows[1][1:]] for k in range(92)])
    edit(root, "study.toml", "[arrangement]", "[arrangement]\nmax_items = 0")
    (root / PROTOCOLS[task]).write_text("[arena]\nminimum_px = 56\n", encoding="utf-8")


def edit_tables(root: Path, line: str, other: str = "") -> None:
    for table, text in (("design", line), ("arrangement", other or line)):
        edit(root, "study.toml", f"[{table}]\n", f"[{table}]\n{text}\n")


DAMAGE: dict[str, Callable[[Path, str], object]] = {
    "no-settings": lambda root, task: (root / "study.toml").unlink(),
    "settings-not-toml": lambda root, task: (root / "study.toml").write_text("title = A study\n"),
    "settings-not-utf8": lambda root, task: (root / "study.toml").write_bytes(b'title = "\xdc"\n'),
    "protocol-missing": lambda root, task: (root / PROTOCOLS[task]).unlink(),
    "protocol-of-the-other-task": lambda root, task: (root / PROTOCOLS[task]).write_text(
        f'task = "{BOTH[1 - BOTH.index(task)]}"\n'
    ),
    "image-missing": lambda root, task: (root / "stimuli" / "warm0.png").unlink(),
    "image-changed": lambda root, task: (root / "stimuli" / "warm0.png").write_bytes(
        (root / "stimuli" / "warm1.png").read_bytes()
    ),
    "image-cut-off": lambda root, task: replace_image(root, truncated_png(root)),
    "image-of-no-bytes": lambda root, task: replace_image(root, b""),
    "image-is-a-text": lambda root, task: replace_image(root, b"<svg></svg>"),
    "image-enormous": lambda root, task: replace_image(root, png(60_000, bytes(1000))),
    "manifest-missing": lambda root, task: (root / "stimuli" / "stimuli.tsv").unlink(),
    "manifest-without-checksums": manifest(lambda rows: [row[:2] + row[3:] for row in rows]),
    "manifest-id-twice": manifest(lambda rows: [*rows, rows[1]]),
    "manifest-leaves-its-folder": manifest(
        lambda rows: [rows[0], ["x", "../x.png", *rows[1][2:]], *rows[1:]]
    ),
    "manifest-with-commas": manifest(
        lambda rows: [[cell.replace("warm0", "warm,0") for cell in row] for row in rows]
    ),
    "manifest-cell-missing": manifest(lambda rows: [*rows[:3], rows[3][:-1], *rows[4:]]),
    "no-objects": manifest(lambda rows: rows[:1]),
    "one-object": manifest(lambda rows: rows[:2]),
    "two-objects": manifest(lambda rows: rows[:3]),
    "all-excluded": lambda root, task: edit_tables(root, 'exclude = {kind = ["warm", "cold"]}'),
    "list-unknown-object": listed(lambda text: text.replace("warm0", "zebra", 1)),
    "list-column": listed(column_dropped),
    "list-cut-in-a-line": listed(lambda text: text[:-12]),
    "list-starts-late": listed(lambda text: "\n".join(text.split("\n")[:1] + text.split("\n")[3:])),
    "list-of-no-trials": listed(lambda text: text.split("\n")[0] + "\n"),
    "list-expected": lambda root, task: edit_tables(root, 'sampler = "list"', 'scheduler = "list"'),
    "list-of-a-trial-of-two": listed(lambda text: "\n".join(text.split("\n")[:3]) + "\n"),
    "too-many-images-for-the-window": fill_window,
}


def damage(root: Path, name: str, task: str) -> None:
    """Make a sound study the bad one of a name."""
    bad = BAD[name]
    if name in DAMAGE:
        DAMAGE[name](root, task)
    if "protocol" in bad:
        content = f"schema_version = 1\n{bad['protocol']}\n"
        (root / PROTOCOLS[task]).write_text(content, encoding="utf-8")
    if "settings" in bad:
        head = f"[{bad['table']}]" if "table" in bad else ""
        old = f"{head}\n" if head else "title"
        new = f"{head}\n{bad['settings']}\n" if head else f"{bad['settings']}\ntitle"
        edit(root, "study.toml", old, new)
    if "change" in bad:
        edit(root, "study.toml", *bad["change"])


BAD = tomllib.loads(Path(__file__).with_name("bad_studies.toml").read_text(encoding="utf-8"))
OF = {"T": TRIPLETS, "A": ARRANGING}


@pytest.mark.parametrize(
    ("name", "task"),
    [(name, OF[task]) for name, bad in BAD.items() for task in bad.get("tasks", "T")],
)
def test_a_bad_study_is_one_line(
    name: str, task: str, make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root, words = make_study(**SHORT), BAD[name].get("words", ())
    damage(root, name, task)
    who = () if "--participant" in words else ("--participant", "901")
    line = refused(root, "run", root, "--task", task, *who, *words, "--simulate", "--no-window")
    for part in BAD[name]["says"]:
        assert part in line


OBSERVERS: dict[str, Callable[[Path], object]] = {
    "strangers": lambda path: SimulatedObserver(tuple("abc"), np.eye(3)).save(path),
    "text": lambda path: path.write_text("an observer"),
    "no-ids": lambda path: np.savez(path, embedding=np.eye(3)),
}


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("strangers", "does not know 8 of the 8 objects"),
        ("text", "cannot be read as a simulated observer"),
        ("no-ids", "expected arrays ids and embedding"),
        ("missing", "a simulated observer (.npz)"),
    ],
)
def test_an_observer_that_does_not_fit_is_one_line(
    kind: str,
    says: str,
    make_study: Callable[..., Path],
    tmp_path: Path,
    refused: Callable[..., str],
) -> None:
    path = tmp_path / "observer.npz"
    if kind in OBSERVERS:
        OBSERVERS[kind](path)
    root = make_study(**SHORT)
    words = ("run", root, "--task", TRIPLETS, "--participant", "901", "--no-window")
    assert says in refused(root, *words, "--simulate", path)
