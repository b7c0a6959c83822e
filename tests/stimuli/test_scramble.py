"""Phase-scrambled masks keep mean, contrast and spectrum, and nothing to recognise."""

import numpy as np
import pytest

from twoalike.stimuli import draw_creatures, phase_scrambled, read_picture


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("creatures")
    few = {"kingdoms": 1, "families": 1, "species": 1, "individuals": 3}
    creatures = draw_creatures(folder, seed=1, size=96, **few)
    return np.asarray(read_picture(creatures.path(creatures.ids[0])).convert("RGB"))


def test_mean_and_contrast_of_every_channel_stay(image: np.ndarray) -> None:
    mask = phase_scrambled(image, np.random.default_rng(1))
    assert (mask.shape, mask.dtype) == (image.shape, np.uint8)
    np.testing.assert_allclose(mask.mean((0, 1)), image.mean((0, 1)), atol=2.0)
    np.testing.assert_allclose(mask.std((0, 1)), image.std((0, 1)), rtol=0.1)


def test_the_spectrum_stays_and_the_picture_goes(image: np.ndarray) -> None:
    mask = phase_scrambled(image, np.random.default_rng(1))
    grey, scrambled = (np.log1p(abs(np.fft.fft2(x.mean(-1)))).ravel() for x in (image, mask))
    assert np.corrcoef(grey, scrambled)[0, 1] > 0.6
    assert abs(np.corrcoef(image.mean(-1).ravel(), mask.mean(-1).ravel())[0, 1]) < 0.3
