"""shapes10: ten shapes drawn from a seed, for which only the outline tells the class.

Every image is one large shape of random position, size, rotation and aspect. Colours and textures of the
shape and of the background are drawn independently of the class, small shapes lie around as distraction, bars
and discs hide a part, and noise covers it all. Outlines are signed distances (negative inside), so edges come
out anti-aliased.

Everything is computed in float64: processors differ in the last bits of sines, and rounding to 256 levels
then hides it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from xbarpaper.data.images import Images, ImageSet
from xbarpaper.params import Shapes10
from xbarpaper.support.progress import Bar, bar

Array = NDArray[np.float64]

_SIDE = 32
_PART = 128  # images drawn at a time: small enough for the cache

# How hard it is.
_SCALE = (7.5, 12.5)  # radius, pixels
_ASPECT = 1.25  # largest ratio of the two axes
_CENTRE_SHIFT = 3.5  # of the shape from the middle of the image, pixels, each way
_LEAST_CONTRAST = 0.33  # between the mean colours of shape and background, root mean square over channels
_DISTRACTORS = 2  # at most
_OCCLUDERS = 2  # at most


def _polygon(x: Array, y: Array, corners: int, inradius: float) -> Array:
    """A regular polygon with one corner up."""
    angles = np.pi / 2 + np.pi / corners + 2 * np.pi * np.arange(corners) / corners
    sides = [np.cos(angle) * x + np.sin(angle) * y for angle in angles]
    distance: Array = np.maximum.reduce(sides) - inradius
    return distance


def _disc(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 0.82


def _ring(x: Array, y: Array) -> Array:
    return np.abs(np.hypot(x, y) - 0.68) - 0.22


def _square(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x), np.abs(y)) - 0.75


def _triangle(x: Array, y: Array) -> Array:
    return _polygon(x, y, 3, 0.52)


def _pentagon(x: Array, y: Array) -> Array:
    return _polygon(x, y, 5, 0.76)


def _star(x: Array, y: Array) -> Array:
    """Five points: in each half of a sector, the line from the tip at (0, 1.05) to the notch at 0.42."""
    angle = np.abs(np.mod(np.arctan2(x, y) + np.pi / 5, 2 * np.pi / 5) - np.pi / 5)
    radius = np.hypot(x, y)
    along_x, along_y = radius * np.sin(angle), radius * np.cos(angle)
    notch_x, notch_y = 0.42 * np.sin(np.pi / 5), 0.42 * np.cos(np.pi / 5)
    side_x, side_y = notch_x, notch_y - 1.05
    distance: Array = (along_x * -side_y + (along_y - 1.05) * side_x) / np.hypot(side_x, side_y)
    return distance


def _cross(x: Array, y: Array) -> Array:
    across, along = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
    return np.maximum(across - 0.28, along - 0.92)


def _crescent(x: Array, y: Array) -> Array:
    return np.maximum(np.hypot(x, y) - 0.92, 0.72 - np.hypot(x, y - 0.45))


def _heart(x: Array, y: Array) -> Array:
    """A square on its corner, and a disc on each of its upper sides."""
    half = 0.52
    square = (np.abs(x) + np.abs(y + 0.2)) / np.sqrt(2) - half
    lobe = half / np.sqrt(2)
    distance: Array = np.minimum(square, np.hypot(np.abs(x) - lobe, y + 0.2 - lobe) - half)
    return distance


def _arrow(x: Array, y: Array) -> Array:
    """A triangle, its tip up, on a shaft."""
    head = np.maximum((np.abs(x) * 0.95 + (y - 0.95) * 0.75) / np.hypot(0.95, 0.75), -y)
    shaft = np.maximum(np.abs(x) - 0.22, np.abs(y + 0.4) - 0.5)
    distance: Array = np.minimum(head, shaft)
    return distance


SHAPES: dict[str, Callable[[Array, Array], Array]] = {
    "disc": _disc,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "pentagon": _pentagon,
    "star": _star,
    "cross": _cross,
    "crescent": _crescent,
    "heart": _heart,
    "arrow": _arrow,
}
"""Signed distance to the outline of each class, negative inside, in units of about its radius, by label."""


def shapes10(name: str, settings: Shapes10) -> ImageSet:
    """Draw the dataset. The same settings give the same pixels; training and test have separate streams.

    Args:
        name: entry of the parameters' datasets.
        settings: how many images, how much noise, which seed.
    """
    streams = np.random.SeedSequence(settings.seed).spawn(2)
    with bar(name, settings.train_images + settings.test_images, "image") as shown:
        train, test = (
            _draw(count, settings.noise_sigma, np.random.default_rng(stream), shown)
            for count, stream in zip((settings.train_images, settings.test_images), streams, strict=True)
        )
    return ImageSet.of(name, settings.title, tuple(SHAPES), train, test)


def _draw(count: int, noise_sigma: float, rng: np.random.Generator, shown: Bar) -> Images:
    labels = rng.permutation(np.arange(count) % len(SHAPES))
    pixels = np.empty((count, 3, _SIDE, _SIDE), dtype=np.uint8)
    for start in range(0, count, _PART):
        chosen = labels[start : start + _PART]
        image = _scene(chosen, rng)
        image += noise_sigma * rng.standard_normal(image.shape)
        pixels[start : start + _PART] = np.rint(np.clip(image, 0, 1) * 255)
        shown.update(len(chosen))
    return Images(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)))


def _scene(labels: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Images without noise, shape (n, 3, 32, 32): background, distractors, the shape, what hides it."""
    n = len(labels)
    ground, ground_mean = _texture(n, rng)
    figure, figure_mean = _texture(n, rng)
    # Opposite ends of the scale where the two colours came out too close: the outline must stay visible.
    close = np.sqrt(((figure_mean - ground_mean) ** 2).mean(axis=1)) < _LEAST_CONTRAST
    figure[close] += np.where(ground_mean[close] > 0.5, -0.4, 0.4)[:, :, None, None]
    image = ground
    for _ in range(_DISTRACTORS):
        image = _over(image, _colours(n, rng)[:, :, None, None], _blemish(n, rng, (1.0, 2.5), 18.0, 0.5))
    scale = rng.uniform(*_SCALE, n)
    aspect = _ASPECT ** rng.uniform(-0.5, 0.5, n)
    x, y = _turned_grid(n, rng, _CENTRE_SHIFT)
    x, y = x / (scale * aspect)[:, None, None], y / (scale / aspect)[:, None, None]
    distance = np.empty_like(x)
    for label, shape in enumerate(SHAPES.values()):
        of_class = labels == label
        distance[of_class] = shape(x[of_class], y[of_class])
    image = _over(image, figure, _coverage(distance * scale[:, None, None]))
    for _ in range(_OCCLUDERS):
        image = _over(image, _colours(n, rng)[:, :, None, None], _blemish(n, rng, (1.5, 3.0), 10.0, 0.4))
    return image


def _colours(n: int, rng: np.random.Generator) -> Array:
    return rng.uniform(0.05, 0.95, (n, 3))


def _texture(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """A plain colour, a gradient, stripes, checks or blobs of two colours.

    Returns:
        Images, shape (n, 3, 32, 32), and their nominal mean colours, shape (n, 3).
    """
    x, y = _turned_grid(n, rng, _SIDE / 2)
    period = rng.uniform(3.0, 10.0, n)[:, None, None]
    wave_x, wave_y = np.sin(2 * np.pi * x / period), np.sin(2 * np.pi * y / period)
    patterns = [
        np.zeros_like(x),
        np.clip(x / _SIDE, -0.5, 0.5),
        np.clip(2 * wave_x, -0.5, 0.5),
        np.clip(3 * wave_x * wave_y, -0.5, 0.5),
        0.25 * (wave_x * wave_y + np.sin(2 * np.pi * (x + 0.6 * y) / (1.7 * period))),
    ]
    kind = rng.integers(0, len(patterns), n)
    pattern = np.choose(kind[:, None, None], patterns)
    mean = _colours(n, rng)
    difference = rng.uniform(-0.35, 0.35, (n, 3))
    return mean[:, :, None, None] + difference[:, :, None, None] * pattern[:, None], mean


def _turned_grid(n: int, rng: np.random.Generator, shift: float) -> tuple[Array, Array]:
    """Coordinates of pixels, each image turned at random about its own centre, shape (n, 32, 32)."""
    centre = rng.uniform(-shift, shift, (2, n))[:, :, None, None]
    angle = rng.uniform(0, 2 * np.pi, n)[:, None, None]
    line = np.arange(_SIDE) - (_SIDE - 1) / 2
    across, down = line[None, None, :] - centre[0], line[None, :, None] - centre[1]
    return np.cos(angle) * across + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * across


def _blemish(
    n: int, rng: np.random.Generator, radius: tuple[float, float], shift: float, probability: float
) -> Array:
    """Share of each pixel under a small disc or bar, shape (n, 32, 32); some images have none."""
    x, y = _turned_grid(n, rng, shift)
    size = rng.uniform(*radius, n)[:, None, None]
    disc = np.hypot(x, y) - size
    bar = np.maximum(np.abs(x) - 0.5 * size, np.abs(y) - 4 * size)
    is_disc = rng.random(n)[:, None, None] < 0.5
    there = rng.random(n)[:, None, None] < probability
    return _coverage(np.where(is_disc, disc, bar)) * there


def _coverage(distance: Array) -> Array:
    """Share of a pixel that lies inside an outline ``distance`` pixels away (negative inside)."""
    return np.clip(0.5 - distance, 0.0, 1.0)


def _over(image: Array, colour: Array, coverage: Array) -> Array:
    return image + (colour - image) * coverage[:, None]
