"""The published recipe of AligNet against its equations, written in numpy.

google-deepmind/alignet: losses.py, configs/siglip.py; kauldron: optim/transform.py; optax:
scale_by_adam, warmup_cosine_decay_schedule. Gradients are complex-step derivatives, exact to the
last digits, so that nothing is derived by hand.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import timm
import torch
from lightning_fabric import Fabric
from numpy.testing import assert_allclose
from PIL import Image
from tests.conftest import succeed
from tests.distill.conftest import Squares

from twoalike.backbones import Preprocessing, load_backbone
from twoalike.distill import BatchStream, learning_rate, load_recipe
from twoalike.distill._inputs import alignet_preprocessing
from twoalike.distill._sources import LabelSource
from twoalike.distill._update import StudentNetwork, Update, make_head

RECIPES = Path(__file__).resolve().parents[2] / "modeling" / "recipes"
RECIPE = RECIPES / "alignet_siglip_b.toml"
PIXELS, P, Q = 12, 5, 7

type Weights = list[npt.NDArray[np.float64]]


def jensen_shannon(
    weights: Weights, images: npt.NDArray[np.float64], similarities: npt.NDArray[np.float64]
) -> complex:
    """JSDTripletLoss(tau=100, normalize=False) of triplets of images (b, 3, pixels), the mean."""
    a, a0, w, w0 = weights
    logits = np.tanh(images @ a.T + a0) @ w.T + w0  # (b, 3, q): triplet_head on pre_logits
    dots = [(logits[:, i] * logits[:, j]).sum(axis=-1) for i, j in ((0, 1), (0, 2), (1, 2))]
    p = np.exp(similarities) / np.exp(similarities).sum(axis=-1, keepdims=True)
    predicted = np.exp(np.stack(dots, axis=-1) / 100)
    q = predicted / predicted.sum(axis=-1, keepdims=True)
    m = (p + q) / 2
    divergence = (p * np.log(p) - p * np.log(m) + q * np.log(q) - q * np.log(m)).sum(axis=-1) / 2
    return complex(divergence.mean())


def gradient(
    weights: Weights, images: npt.NDArray[np.float64], similarities: npt.NDArray[np.float64]
) -> Weights:
    """Derivative of the loss by each weight: Im f(x + ih) / h."""
    found = [np.empty_like(each) for each in weights]
    for number, each in enumerate(weights):
        for place in np.ndindex(each.shape):
            moved = [other.astype(complex) for other in weights]
            moved[number][place] += 1e-30j
            found[number][place] = jensen_shannon(moved, images, similarities).imag / 1e-30  # type: ignore[arg-type]
    return found


def published_rate(step: int, peak: float, warmup: int, steps: int) -> float:
    """warmup_cosine_decay_schedule(0, peak, warmup, decay_steps=steps), end value 0."""
    if step < warmup:
        return peak * step / warmup
    return peak * 0.5 * (1 + np.cos(np.pi * (step - warmup) / (steps - warmup)))


@pytest.fixture
def _float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("_float64")
def test_steps_are_the_published_equations(rng: np.random.Generator) -> None:
    """Six steps from zero rate over the peak: loss, gradient, Adam, pull to the start, schedule."""
    n, steps, warmup = 6, 8, 2
    images = rng.uniform(0, 1, (n, PIXELS))
    triplets = rng.permuted(np.tile(np.arange(n), (20, 1)), axis=1)[:, :3]  # images recur
    similarities = rng.normal(0, 2, (20, 3))
    odd = np.exp(similarities)[:, ::-1]
    odd /= odd.sum(axis=1, keepdims=True)

    config = load_recipe(
        RECIPE, {"steps": steps, "warmup": warmup / steps, "batch": 4, "rate": 0.01}
    )
    torch.manual_seed(0)
    backbone = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(PIXELS, P), torch.nn.Tanh())
    head = make_head("dense", P, Q, 0)
    assert head is not None
    student = StudentNetwork(
        backbone, head, similarity=config.similarity, temperature=config.temperature or 0
    )
    learnt = [backbone[1].weight, backbone[1].bias, head.weight, head.bias]
    weights = [each.detach().numpy().copy() for each in learnt]
    start = [each.copy() for each in weights]
    source = LabelSource(triplets, odd, BatchStream(20, 4, config.seed, of="labelled triplets"))
    fabric = Fabric(accelerator="cpu", devices=1, precision="64-true")
    update = Update(fabric, student, source, config)

    first, second = ([np.zeros_like(each) for each in weights] for _ in range(2))
    for step in range(6):
        rows = source.stream.indices(step)
        g = gradient(weights, images[triplets[rows]], similarities[rows])
        rate = published_rate(step, 0.01, warmup, steps)
        for k in range(4):
            first[k] = 0.9 * first[k] + 0.1 * g[k]
            second[k] = 0.999 * second[k] + 0.001 * g[k] ** 2
            adam = (first[k] / (1 - 0.9 ** (step + 1))) / (
                np.sqrt(second[k] / (1 - 0.999 ** (step + 1))) + 1e-8
            )
            weights[k] = weights[k] - rate * (adam + 1.0 * (weights[k] - start[k]))
        (keys,) = source.keys(step, step + 1)
        which = torch.tensor([image for _, image in keys])
        batch = torch.from_numpy(images)[which].view(-1, 3, 2, 2)
        record = update.take(step, iter([(which, batch)])).record()
        assert record["rate"] == pytest.approx(rate, abs=1e-12)
        for ours, theirs in zip(learnt, weights, strict=True):
            assert_allclose(ours.detach().numpy(), theirs, rtol=0, atol=1e-9)
        if step == 0:
            assert_allclose(weights[0], start[0], rtol=0, atol=0)
    assert all(np.abs(now - then).max() > 0.01 for now, then in zip(weights, start, strict=True))


def test_the_recipe_has_the_published_numbers() -> None:
    config = load_recipe(RECIPE)
    for step in (0, 1, 2500, 4999, 5000, 52_500, 99_999):
        factor = learning_rate(step, config.steps, config.warmup, from_zero=True)
        assert factor * config.rate == pytest.approx(
            published_rate(step, 3e-5, 5_000, 100_000), abs=1e-18
        )
    assert (config.seed, config.steps, 8 * config.batch) == (42, 100_000, 512)
    assert (config.objective, config.similarity, config.temperature) == ("jsd", "raw-dot", 100)
    assert (config.head, config.head_width, config.train) == ("dense", 1024, "full")
    assert (config.decay_to_init, config.clip, config.mix) == (1.0, 0, 1)
    other = load_recipe(RECIPES / "alignet_vit_b.toml").model_dump()
    differing = {key for key, value in config.model_dump().items() if other[key] != value}
    assert differing == {"preprocessing", "precision"}


def test_a_dense_head_starts_as_flax_starts_it() -> None:
    head, again, other = (make_head("dense", 400, 300, seed) for seed in (3, 3, 4))
    assert head is not None and again is not None and other is not None
    weight = head.weight.detach()
    assert torch.equal(weight, again.weight)
    assert not torch.equal(weight, other.weight)
    assert weight.std().item() == pytest.approx(400**-0.5, rel=0.02)  # lecun_normal
    assert weight.abs().max().item() <= 2 * 400**-0.5 / 0.87962566103423978
    assert not head.bias.detach().any()


def cubic(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.float64]:
    """INTER_CUBIC of OpenCV along the first axis: four nearest pixels, a = -0.75, no average."""
    place = (np.arange(size) + 0.5) * len(pixels) / size - 0.5
    whole = np.floor(place).astype(int)
    x, a = place - whole, -0.75
    taps = [
        ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a,
        ((a + 2) * x - (a + 3)) * x * x + 1,
        ((a + 2) * (1 - x) - (a + 3)) * (1 - x) ** 2 + 1,
    ]
    taps.append(1 - sum(taps))
    near = [np.clip(whole + k, 0, len(pixels) - 1) for k in (-1, 0, 1, 2)]
    return np.asarray(sum(t[:, None, None] * pixels[n] for t, n in zip(taps, near, strict=True)))


def test_images_are_resized_without_antialiasing(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (90, 61, 3), dtype=np.uint8)
    ours = alignet_preprocessing(32)(Image.fromarray(pixels))
    expected = cubic(cubic(pixels, 32).transpose(1, 0, 2), 32).transpose(1, 0, 2)
    assert ours.shape == (3, 32, 32)
    assert (float(ours.min()), float(ours.max())) == (0, 1)
    levels = 255 * ours.permute(1, 2, 0).numpy()
    assert_allclose(levels, expected.clip(0, 255).round(), rtol=0, atol=1.001)
    assert np.mean(np.abs(levels - expected.clip(0, 255).round()) > 0.5) < 0.001
    averaged = Preprocessing(32, mean=(0.0,) * 3, std=(1.0,) * 3)(Image.fromarray(pixels))
    assert float((ours - averaged).abs().max()) > 0.2


@pytest.mark.parametrize(
    "recipe", ["alignet_siglip_b.toml", pytest.param("alignet_vit_b.toml", marks=pytest.mark.slow)]
)
def test_the_recipe_runs(squares: Squares, tmp_path: Path, recipe: str) -> None:
    """From the published archive to a student, by its commands, on a small network."""
    rng = np.random.default_rng(0)
    ids = squares.features.ids
    rows = rng.permuted(np.tile(np.arange(len(ids)), (60, 1)), axis=1)[:, :3]
    names = np.array([f"{name}.png" for name in ids])[rows]
    archive, labels, out = tmp_path / "train.npz", tmp_path / "labels", tmp_path / "student"
    np.savez(archive, filenames=names, similarities=rng.normal(size=(60, 3)), indices=rows)
    small = (RECIPES / recipe).read_text()
    for full, less in (
        ("steps = 100000", "steps = 4"),
        ("batch = 64", "batch = 6"),
        ("evaluate_every = 5000", "evaluate_every = 2"),
        ("workers = 8", "workers = 0"),
        ("tensorboard = true", "tensorboard = false"),
        ("warmup = 0.05", "warmup = 0.5"),
        ('"bf16"', '"32"'),
    ):
        small = small.replace(full, less)
    (tmp_path / "small.toml").write_text(small)
    for words in (
        ["import", "alignet", archive, "--out", labels],
        ["distill", "--config", tmp_path / "small.toml", "--labels", labels, "--images"]
        + [squares.images, "--student", "test_vit", "--untrained", "--out", out],
    ):
        succeed(*words)
    said = json.loads((out / "config.json").read_text())
    assert said["temperature"] == pytest.approx(100)
    assert said["parts"] == {"features": [0, 64]}
    assert timm.create_model(f"local-dir:{out}", pretrained=True).num_classes == 64
    log = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    assert [row["rate"] for row in log] == pytest.approx([0, 1.5e-5, 3e-5, 1.5e-5])
    own, card = load_backbone(out).preprocessing, (out / "README.md").read_text()
    assert ("without antialiasing" in card) == (recipe == "alignet_siglip_b.toml")
    if recipe == "alignet_siglip_b.toml":
        assert own == alignet_preprocessing(own.size)
    else:
        assert own == load_backbone("test_vit", untrained=True).preprocessing
