"""The chain, run once: a study of shapes, two simulated people, a fit, a teacher, a student."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.golden.golden import succeed

SETTINGS = Path(__file__).with_name("chain.toml").read_text(encoding="utf-8")
KINDS = ("disc", "square", "cross")


@dataclass(frozen=True)
class Chain:
    """Folders of the chain: the study, and what was made beside it."""

    study: Path
    made: Path

    @property
    def posterior(self) -> Path:
        return self.study / "derived" / "posterior.nc"

    @property
    def choices(self) -> Path:
        return self.study / "derived" / "choices.parquet"

    @property
    def labels(self) -> Path:
        return self.study / "stimuli" / "stimuli.tsv"

    @property
    def held_out(self) -> Path:
        """Judgments that no fit saw; beside it, the text that they were imported of."""
        return self.made / "held_out.parquet"

    @property
    def base(self) -> Path:
        """Features of the network before it is aligned."""
        return self.made / "base.npz"

    @property
    def networks(self) -> tuple[str, str]:
        """Features of both networks with their names."""
        return f"base={self.base}", f"aligned={self.made / 'student.npz'}"

    def features(self) -> tuple[str, ...]:
        """The same as options."""
        return tuple(word for each in self.networks for word in ("--features", each))


def draw(folder: Path) -> None:
    """Thirty shapes of three kinds; kinds have their colour, and shapes their size."""
    rng = np.random.default_rng(8)
    for number in range(30):
        kind = KINDS[number % 3]
        (folder / kind).mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (64, 64), "white")
        pen, size = ImageDraw.Draw(image), 10 + number // 2
        box = (32 - size, 32 - size, 32 + size, 32 + size)
        hue = [30, 30, 30]
        hue[number % 3] = 160 + int(rng.integers(90))
        if kind == "disc":
            pen.ellipse(box, fill=tuple(hue))
        elif kind == "square":
            pen.rectangle(box, fill=tuple(hue))
        else:
            pen.line(box, fill=tuple(hue), width=6)
            pen.line((box[0], box[3], box[2], box[1]), fill=tuple(hue), width=6)
        image.save(folder / kind / f"{kind}{number:02d}.png")


def held_out(path: Path, study: Path, n: int = 300) -> None:
    """Write judgments that no fit sees: of two of a kind and another, the other one, mostly."""
    rng = np.random.default_rng(9)
    rows = (study / "stimuli" / "stimuli.tsv").read_text("utf-8").splitlines()[1:]
    ids = [row.split("\t")[0] for row in rows]
    kinds = [next(kind for kind in KINDS if kind in name) for name in ids]
    lines = []
    while len(lines) < n:
        a, b, c = rng.choice(len(ids), 3, replace=False)
        if kinds[a] == kinds[b] != kinds[c]:
            shown = [ids[a], ids[b], ids[c]] if rng.random() < 0.85 else [ids[c], ids[b], ids[a]]
            lines.append(" ".join([*shown, f"p{rng.integers(4)}"]))
    path.write_text("\n".join(lines) + "\n")
    path.with_name("ids.txt").write_text("\n".join(ids) + "\n")


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """From images to a student, through the commands; not to be changed."""
    folder = tmp_path_factory.mktemp("chain")
    draw(folder / "images")
    made = Chain(folder / "study", folder)
    succeed("init", made.study, "--images", folder / "images", "--seed", 3)
    (made.study / "study.toml").write_text(SETTINGS)
    for who in ("901", "902"):
        words = ("--participant", who, "--task", "odd-one-out", "--simulate", "--no-window")
        succeed("run", made.study, *words)
    held_out(folder / "held_out.txt", made.study)
    imported = ("--objects", folder / "ids.txt", "--participant-column", 4)
    of_three = ("--item-columns", "1,2,3", "--chosen-columns", 3)
    text, held = folder / "held_out.txt", made.held_out
    succeed("import", "choices", text, *imported, *of_three, "--out", held)
    vi = ("--quick", "--engine", "vi", "--steps", 400, "--dimensions", 4)
    succeed("fit", made.study, *vi)
    stimuli, base = made.study / "stimuli", made.base
    small = ("--size", 64)
    network = ("--backbone", "efficientnet_lite0", "--images", stimuli)
    succeed("features", *network, "--out", base, *small)
    succeed(
        *("teach", made.posterior, "--features", base, "--choices", held),
        *("--folds", 3, "--out", folder / "teacher"),
    )
    succeed(
        *("distill", "--teacher", folder / "teacher", "--images", stimuli, "--features", base),
        *("--student", "efficientnet_lite0", "--train", "probe", "--batch", 24),
        *("--classes", made.labels, *small, "--out", folder / "student"),
    )
    student = folder / "student.npz"
    succeed("features", "--backbone", folder / "student", "--images", stimuli, "--out", student)
    return made
