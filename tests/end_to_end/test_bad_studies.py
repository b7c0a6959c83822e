"""Bad study folders: each ends `twoalike run` in one clear line before the participant starts."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import call

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


def enormous_png() -> bytes:
    """Header of an image of 60,000 x 60,000 pixels, in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def truncated_png(root: Path) -> bytes:
    content = (root / "stimuli" / "warm0.png").read_bytes()
    return content[: len(content) // 2]


@dataclass(frozen=True)
class Bad:
    """A study that cannot be run.

    Attributes
    ----------
    damage
        Makes it so, given the folder and the task.
    says
        What the line has to say.
    """

    name: str
    damage: Callable[[Path, str], object]
    says: tuple[str, ...]
    tasks: tuple[str, ...] = (TRIPLETS,)
    words: tuple[str, ...] = ()


def protocol(text: str) -> Callable[[Path, str], object]:
    def write(root: Path, task: str) -> None:
        content = f"schema_version = 1\n{text}\n"
        (root / PROTOCOLS[task]).write_text(content, encoding="utf-8")

    return write


def settings(text: str, *, table: str = "") -> Callable[[Path, str], object]:
    """Put a line into study.toml, below the header of a table or at the top."""

    def write(root: Path, task: str) -> None:
        if table:
            edit(root, "study.toml", f"[{table}]\n", f"[{table}]\n{text}\n")
        else:
            edit(root, "study.toml", "title", f"{text}\ntitle")

    return write


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


CASES = [
    # the settings
    Bad("no-settings", lambda root, task: (root / "study.toml").unlink(), ("twoalike init",)),
    Bad(
        "settings-not-toml",
        lambda root, task: (root / "study.toml").write_text("title = A study\n"),
        ("study.toml", "not valid TOML", "line 1"),
    ),
    Bad(
        "settings-not-utf8",
        lambda root, task: (root / "study.toml").write_bytes('title = "Über"\n'.encode("latin-1")),
        ("study.toml", "UTF-8"),
    ),
    Bad("settings-key", settings("sede = 3"), ("study.toml", "'sede'", "did you mean 'seed'?")),
    Bad(
        "design-key",
        settings("trails = 9", table="design"),
        ("study.toml", "'design.trails'", "did you mean 'trials'?"),
    ),
    Bad(
        "arrangement-key",
        settings("max_item = 9", table="arrangement"),
        ("study.toml", "'arrangement.max_item'", "did you mean 'max_items'?"),
    ),
    Bad(
        "settings-value",
        lambda root, task: edit(root, "study.toml", "seed = 7", 'seed = "seven"'),
        ("study.toml", "'seed'", "expected a whole number", '"seven"'),
    ),
    Bad(
        "settings-lack-title",
        lambda root, task: edit(root, "study.toml", 'title = "A small study"\n', ""),
        ("study.toml", "'title'", "is missing"),
    ),
    # the protocol
    Bad(
        "protocol-missing",
        lambda root, task: (root / PROTOCOLS[task]).unlink(),
        ("protocols/", "expected the protocol", "study.toml"),
        BOTH,
    ),
    Bad(
        "protocol-key",
        protocol("[breaks]\nbreak_evry = 5"),
        ("'breaks.break_evry'", "did you mean 'break_every'?"),
    ),
    Bad(
        "protocol-of-the-other-task",
        lambda root, task: (root / PROTOCOLS[task]).write_text(
            f'task = "{BOTH[1 - BOTH.index(task)]}"\n'
        ),
        ("'task'", "odd-one-out", "multi-arrangement"),
    ),
    Bad("protocol-language", protocol('language = "pt"'), ("'pt'", "ar, de, en", "[texts]")),
    Bad(
        "protocol-language-half-translated",
        protocol('language = "pt"\n[texts]\nend = "Obrigado."'),
        ("'pt'", "[texts]", "consent"),
    ),
    Bad(
        "protocol-two-sizes",
        protocol("[images]\nimage_px = 200"),
        ("'images'", "exactly one of image_fraction"),
        (TRIPLETS,),
    ),
    Bad(
        "protocol-shows-an-unknown-object",
        protocol('[pages]\nimages = [["zebra"]]'),
        ("pages.images", "'zebra'"),
    ),
    Bad(
        "triggers-need-a-port",
        protocol('[triggers]\nkind = "serial"'),
        ("'triggers'", "port must be given"),
    ),
    Bad(
        "trigger-port-not-there",
        protocol('[triggers]\nkind = "serial"\nport = "/dev/ttyNONE"'),
        ("/dev/ttyNONE", "cannot open", "Ports found"),
    ),
    Bad(
        "parallel-port-not-there",
        protocol('[triggers]\nkind = "parallel"\nport = "/dev/parport9"'),
        ("/dev/parport9", "cannot open"),
    ),
    Bad(
        "parallel-port-no-address",
        protocol('[triggers]\nkind = "parallel"\nport = "0xZZ"'),
        ("0xZZ",),
    ),
    # the images
    Bad(
        "image-missing",
        lambda root, task: (root / "stimuli" / "warm0.png").unlink(),
        ("'warm0'", "no image at", "warm0.png"),
    ),
    Bad(
        "image-changed",
        lambda root, task: (root / "stimuli" / "warm0.png").write_bytes(
            (root / "stimuli" / "warm1.png").read_bytes()
        ),
        ("'warm0'", "is not the image listed", "sha256"),
    ),
    Bad(
        "image-cut-off",
        lambda root, task: replace_image(root, truncated_png(root)),
        ("'warm0'", "cannot be read as an image"),
    ),
    Bad(
        "image-of-no-bytes",
        lambda root, task: replace_image(root, b""),
        ("'warm0'", "cannot be read as an image"),
    ),
    Bad(
        "image-is-a-text",
        lambda root, task: replace_image(root, b"<svg></svg>"),
        ("'warm0'", "cannot be read as an image"),
    ),
    Bad(
        "image-enormous",
        lambda root, task: replace_image(root, enormous_png()),
        ("'warm0'", "pixels", "smaller"),
    ),
    Bad(
        "manifest-missing",
        lambda root, task: (root / "stimuli" / "stimuli.tsv").unlink(),
        ("stimuli.tsv", "manifest"),
    ),
    Bad("stimuli-missing", settings('stimuli = "pictures"'), ("pictures", "manifest")),
    Bad(
        "manifest-without-checksums",
        manifest(lambda rows: [row[:2] + row[3:] for row in rows]),
        ("stimuli.tsv", "'sha256'"),
    ),
    Bad("manifest-id-twice", manifest(lambda rows: [*rows, rows[1]]), ("'warm0'", "again")),
    Bad(
        "manifest-leaves-its-folder",
        manifest(lambda rows: [rows[0], ["x", "../x.png", *rows[1][2:]], *rows[1:]]),
        ("'../x.png'", "outside the folder"),
    ),
    Bad(
        "manifest-with-commas",
        manifest(lambda rows: [[cell.replace("warm0", "warm,0") for cell in row] for row in rows]),
        ("'warm,0'", "commas"),
    ),
    Bad(
        "manifest-cell-missing",
        manifest(lambda rows: [*rows[:3], rows[3][:-1], *rows[4:]]),
        ("line 4", "cells"),
    ),
    Bad("no-objects", manifest(lambda rows: rows[:1]), ("stimuli.tsv", "no rows")),
    Bad("one-object", manifest(lambda rows: rows[:2]), ("at least 3", "found 1")),
    Bad("two-objects", manifest(lambda rows: rows[:3]), ("at least 3", "found 2")),
    Bad(
        "all-excluded",
        lambda root, task: [
            edit(
                root,
                "study.toml",
                f"[{table}]\n",
                f'[{table}]\nexclude = {{kind = ["warm", "cold"]}}\n',
            )
            for table in ("design", "arrangement")
        ],
        ("exclude",),
    ),
    # the trial list
    Bad(
        "list-unknown-object",
        listed(lambda text: text.replace("warm0", "zebra", 1)),
        ("trials.tsv", "stimulus", "'zebra'"),
        BOTH,
    ),
    Bad("list-column", listed(column_dropped), ("trials.tsv", "'trial_type'")),
    Bad("list-cut-in-a-line", listed(lambda text: text[:-12]), ("trials.tsv", "cells")),
    Bad(
        "list-starts-late",
        listed(lambda text: "\n".join(text.split("\n")[:1] + text.split("\n")[3:])),
        ("trials.tsv", "trial_index"),
        (TRIPLETS,),
    ),
    Bad(
        "list-of-no-trials",
        listed(lambda text: text.split("\n")[0] + "\n"),
        ("trials.tsv", "no rows"),
        BOTH,
    ),
    Bad(
        "list-expected",
        lambda root, task: [
            edit(root, "study.toml", "[design]\n", '[design]\nsampler = "list"\n'),
            edit(root, "study.toml", "[arrangement]\n", '[arrangement]\nscheduler = "list"\n'),
        ],
        ("trials.tsv", "list"),
        BOTH,
    ),
    Bad(
        "list-of-a-trial-of-two",
        listed(lambda text: "\n".join(text.split("\n")[:3]) + "\n"),
        ("trials.tsv", "at least 3"),
        (ARRANGING,),
    ),
    # the window
    Bad(
        "too-many-images-for-the-window",
        lambda root, task: [
            relist(root, lambda rows: rows + [[f"x{k}", *rows[1][1:]] for k in range(92)]),
            edit(root, "study.toml", "[arrangement]", "[arrangement]\nmax_items = 0"),
            protocol("[arena]\nminimum_px = 56")(root, task),
        ],
        ("100 images of 56 px", "do not fit", "max_items", "study.toml"),
        (ARRANGING,),
    ),
    # whoever runs it
    Bad("a-name", lambda root, task: None, ("has no digit",), words=("--participant", "anna")),
    Bad(
        "a-slash", lambda root, task: None, ("letters and digits",), words=("--participant", "a/1")
    ),
    Bad("up", lambda root, task: None, ("letters and digits",), words=("--participant", "../x1")),
    Bad("e-mail", lambda root, task: None, ("e-mail",), words=("--participant", "a1@b.org")),
    Bad("nobody", lambda root, task: None, ("letters and digits",), words=("--participant", "")),
    Bad("session-0", lambda root, task: None, ("count from 1",), words=("--session", "0")),
]


@pytest.mark.parametrize(
    ("bad", "task"),
    [pytest.param(bad, task, id=f"{bad.name}-{task}") for bad in CASES for task in bad.tasks],
)
def test_a_bad_study_is_one_line(
    bad: Bad, task: str, make_study: Callable[..., Path], refused: Callable[..., str]
) -> None:
    root = make_study(**SHORT)
    bad.damage(root, task)
    who = () if "--participant" in bad.words else ("--participant", "901")
    line = refused(root, "run", root, "--task", task, *who, *bad.words, "--simulate", "--no-window")
    for part in bad.says:
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
