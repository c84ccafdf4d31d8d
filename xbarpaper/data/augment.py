"""Images as a network takes them: normalised, on the device, mirrored, shifted and partly blanked a batch at a time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from xbarpaper.data.images import Images, ImageSet
from xbarpaper.support import memory
from xbarpaper.support.errors import DatasetError

_PART = 256  # images converted at a time: bounds the extra memory


def normalised(images: Images, image_set: ImageSet, device: torch.device | str) -> Tensor:
    """Scale images to zero mean and unit variance per channel, by the statistics of the training images.

    Args:
        images: ``image_set.train``, ``image_set.test`` or a part of one.
        image_set: whose mean and standard deviation to use.
        device: where the result lives.

    Returns:
        float32, shape (n, 3, 32, 32), in channels_last memory.

    Raises:
        DatasetError: they do not fit in the memory of this machine.
    """
    if torch.device(device).type == "cpu":
        what = f"{image_set.name}: {len(images):,} images in float32"
        memory.require(4 * images.pixels.numel(), what, "take fewer images", DatasetError)
    mean = torch.tensor(image_set.mean, dtype=torch.float32, device=device).view(3, 1, 1)
    std = torch.tensor(image_set.std, dtype=torch.float32, device=device).view(3, 1, 1)
    layout = torch.channels_last
    result = torch.empty(images.pixels.shape, dtype=torch.float32, device=device, memory_format=layout)
    for start in range(0, len(images), _PART):
        part = images.pixels[start : start + _PART].to(device).to(torch.float32)
        result[start : start + _PART] = part.div_(255).sub_(mean).div_(std)
    return result


def take(images: Tensor, indices: Tensor) -> Tensor:
    """The images at ``indices``, still in channels_last memory: whole images are copied, one after another.

    Args:
        images: shape (n, channels, height, width), channels_last.
        indices: int64, shape (m,), on the device of ``images``.

    Returns:
        Shape (m, channels, height, width), channels_last; indexing ``images`` would give the other layout.
    """
    return images.permute(0, 2, 3, 1).index_select(0, indices).permute(0, 3, 1, 2)


def augment(
    batch: Tensor,
    *,
    flip: bool | Tensor,
    shift_pixels: int,
    cut_out_pixels: int = 0,
    generator: torch.Generator,
) -> Tensor:
    """Mirror images, shift them by up to ``shift_pixels`` both ways, blank a square of each.

    What a shift brings in from outside is zero, which is the mean colour of normalised images, and so is the square
    (Cutout, DeVries and Taylor, arXiv 1708.04552), whose middle is any pixel, so that it may reach over the edge. The
    random numbers are drawn on the CPU, so they are the same whatever the device of the batch.

    Args:
        batch: shape (n, channels, height, width), any dtype and device.
        flip: mirror images left to right: each with probability one half or none, or, given a boolean tensor (n), those.
        shift_pixels: largest shift in each direction, pixels; 0 shifts nothing.
        cut_out_pixels: side of the square, pixels; 0 blanks nothing.
        generator: source of the random numbers, on the CPU.

    Returns:
        A new batch of the same shape, dtype and device, in channels_last memory.

    Raises:
        ValueError: ``shift_pixels`` or ``cut_out_pixels`` is negative.
    """
    for name, value in {"shift_pixels": shift_pixels, "cut_out_pixels": cut_out_pixels}.items():
        if value < 0:
            raise ValueError(f"{name} = {value} must be at least 0")
    count, channels, height, width = batch.shape
    shift = torch.randint(0, 2 * shift_pixels + 1, (2, count), generator=generator)
    mirror = torch.randint(0, 2, (count,), generator=generator).bool()
    mirror = flip if isinstance(flip, Tensor) else mirror & flip
    padding = (0, 0, shift_pixels, shift_pixels, shift_pixels, shift_pixels)
    padded = functional.pad(batch.permute(0, 2, 3, 1), padding)
    rows = torch.arange(height)[None, :] + shift[0][:, None]
    columns = torch.arange(width)[None, :] + shift[1][:, None]
    columns = torch.where(mirror[:, None], columns.flip(1), columns)
    pixel = torch.arange(count)[:, None, None] * padded.shape[1] + rows[:, :, None]
    pixel = (pixel * padded.shape[2] + columns[:, None, :]).reshape(-1).to(batch.device)
    picked = padded.reshape(-1, channels).index_select(0, pixel).view(count, height, width, channels)
    if cut_out_pixels:
        square = _squares(count, height, width, cut_out_pixels, generator).to(batch.device)
        picked.masked_fill_(square.unsqueeze(3), 0.0)
    return picked.permute(0, 3, 1, 2)


def _squares(count: int, height: int, width: int, side: int, generator: torch.Generator) -> Tensor:
    """A mask (count, height, width) that is True in one square of each image."""
    inside = []
    for length in (height, width):
        start = torch.randint(0, length, (count, 1), generator=generator) - side // 2
        place = torch.arange(length)
        inside.append((start <= place) & (place < start + side))
    rows, columns = inside
    return rows.unsqueeze(2) & columns.unsqueeze(1)
