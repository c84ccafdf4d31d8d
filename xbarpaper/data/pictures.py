"""What the images of a dataset look like."""

from __future__ import annotations

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from xbarpaper.data.augment import augment
from xbarpaper.data.images import Images, ImageSet

_INCHES = 0.55  # an image's share of a figure
_GAP = 2  # pixels between images
_MOST_CLASSES = 20  # shown


def picture_of_examples(image_set: ImageSet, *, per_class: int = 8) -> Figure:
    """The first training images of each class, a row per class; of many classes the first ones, and it says so.

    Args:
        image_set: the dataset.
        per_class: images per row.
    """
    classes = image_set.classes[:_MOST_CLASSES]
    rows = [_first(image_set.train, label, per_class) for label in range(len(classes))]
    figure = _picture(rows, list(classes))
    shown = f" (the first {len(classes)} of {len(image_set.classes)} classes)"
    hidden = len(image_set.classes) > len(classes)
    figure.suptitle(f"{image_set.description}: training images{shown if hidden else ''}", fontsize=10)
    return figure


def picture_of_augmentation(
    image_set: ImageSet,
    *,
    flip: bool,
    shift_pixels: int,
    cut_out_pixels: int = 0,
    images: int = 4,
    draws: int = 9,
) -> Figure:
    """Training images as they are, and as the network meets them in different epochs.

    Args:
        image_set: the dataset.
        flip: mirror images at random.
        shift_pixels: largest shift, pixels.
        cut_out_pixels: side of the blanked square, pixels.
        images: rows, of different classes as far as there are that many.
        draws: augmented versions per row.
    """
    generator = torch.Generator().manual_seed(0)
    # what is 0, and so pads, once images are normalised
    mean = 255 * torch.tensor(image_set.mean).view(3, 1, 1)
    rows, names = [], []
    for row in range(images):
        label = row % len(image_set.classes)
        original = _first(image_set.train, label, row // len(image_set.classes) + 1)[-1:]
        repeated = original.expand(draws, -1, -1, -1)
        drawn = mean + augment(
            repeated - mean,
            flip=flip,
            shift_pixels=shift_pixels,
            cut_out_pixels=cut_out_pixels,
            generator=generator,
        )
        rows.append(torch.cat([original, drawn.round().to(torch.uint8)]))
        names.append(image_set.classes[label])
    figure = _picture(rows, names)
    mirrored = "mirrored and " if flip else ""
    blanked = f", {cut_out_pixels} x {cut_out_pixels} blanked" if cut_out_pixels else ""
    title = f"left: the image; then: {mirrored}shifted by up to {shift_pixels} pixels{blanked}"
    figure.suptitle(title, fontsize=10)
    return figure


def table_of_counts(image_set: ImageSet) -> pd.DataFrame:
    """Images of each class in each split, with a row of totals; columns train and test."""
    counts = {split: image_set.counts(images) for split, images in _splits(image_set).items()}
    totals = {split: [len(images)] for split, images in _splits(image_set).items()}
    table = pd.DataFrame(counts, index=list(image_set.classes))
    return pd.concat([table, pd.DataFrame(totals, index=["total"])])


def table_of_statistics(image_set: ImageSet) -> pd.DataFrame:
    """Mean and standard deviation of the training images on the scale 0 to 1, a row per channel."""
    statistics = {"mean": image_set.mean, "standard deviation": image_set.std}
    return pd.DataFrame(statistics, index=["red", "green", "blue"]).round(4)


def _splits(image_set: ImageSet) -> dict[str, Images]:
    return {"train": image_set.train, "test": image_set.test}


def _first(images: Images, label: int, count: int) -> Tensor:
    chosen = (images.labels == label).nonzero()[:count, 0]
    return images.pixels[chosen]


def _picture(rows: list[Tensor], names: list[str]) -> Figure:
    """Rows of images, each row with its name to the left."""
    side = rows[0].shape[-1] + _GAP
    columns = max(len(row) for row in rows)
    canvas = torch.full((len(rows) * side, columns * side, 3), 255, dtype=torch.uint8)
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            top, left = r * side + 1, c * side + 1
            canvas[top : top + side - _GAP, left : left + side - _GAP] = image.permute(1, 2, 0)
    figure = Figure(figsize=(columns * _INCHES + 1.0, len(rows) * _INCHES + 0.4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(canvas.numpy(), interpolation="nearest")
    axes.set_yticks([r * side + side / 2 for r in range(len(rows))], names)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
