"""Masks: pictures with the spectrum of an image, and nothing to recognise in them."""

import numpy as np

from twoalike.study import Integers

_ROUNDS = 8
"""Corrections of mean and contrast after values outside the range were cut off."""


def phase_scrambled(pixels: Integers, rng: np.random.Generator) -> Integers:
    """Scramble the phases of an image, and keep its amplitudes.

    The same random phases are added in all channels, so that the colours stay together. Mean and
    standard deviation of each channel stay those of the image, as nearly as values from 0 to 255
    allow: a small light object on black gets a lighter mask.

    Parameters
    ----------
    pixels
        Values from 0 to 255, shape (height, width, channels).

    References
    ----------
    Oppenheim & Lim (1981), The importance of phase in signals, doi:10.1109/PROC.1981.12022.

    Examples
    --------
    >>> image = np.full((16, 16, 3), 120, np.uint8)
    >>> image[4:9, 2:11] = 200, 120, 40
    >>> mask = phase_scrambled(image, np.random.default_rng(1))
    >>> mask.shape, abs(float(mask.mean()) - float(image.mean())) < 1
    ((16, 16, 3), True)
    """
    values = pixels.astype(np.float64)
    noise = np.fft.fft2(rng.standard_normal(pixels.shape[:2]))
    turned = np.exp(1j * np.angle(noise))  # of real noise, so that the result is real
    turned[0, 0] = 1.0  # the mean
    spectrum = np.fft.fft2(values, axes=(0, 1)) * turned[:, :, None]
    scrambled = np.fft.ifft2(spectrum, axes=(0, 1)).real
    mean, spread = values.mean((0, 1)), values.std((0, 1))
    for _ in range(_ROUNDS):
        now = scrambled.std((0, 1))
        scale = np.divide(spread, now, out=np.ones_like(now), where=now > 0)
        scrambled = np.clip((scrambled - scrambled.mean((0, 1))) * scale + mean, 0, 255)
    return np.rint(scrambled).astype(np.uint8)
