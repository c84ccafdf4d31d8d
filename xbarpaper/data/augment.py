"""Images as a network takes them: normalised, on the device, mirrored and shifted a batch at a time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from xbarpaper.data.images import Images, ImageSet

_PART = 256  # images converted at a time: bounds the extra memory


def normalised(images: Images, image_set: ImageSet, device: torch.device | str) -> Tensor:
    """Scale images to zero mean and unit variance per channel, by the statistics of the training images.

    Args:
        images: ``image_set.train``, ``image_set.test`` or a part of one.
        image_set: whose mean and standard deviation to use.
        device: where the result lives.

    Returns:
        float32, shape (n, 3, 32, 32), in channels_last memory.
    """
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


def augment(batch: Tensor, *, flip: bool, shift_pixels: int, generator: torch.Generator) -> Tensor:
    """Mirror each image with probability one half, and shift it by up to ``shift_pixels`` both ways.

    What a shift brings in from outside is zero, which is the mean colour of normalised images. The random
    numbers are drawn on the CPU, so they are the same whatever the device of the batch.

    Args:
        batch: shape (n, channels, height, width), any dtype and device.
        flip: mirror images left to right.
        shift_pixels: largest shift in each direction, pixels; 0 shifts nothing.
        generator: source of the random numbers, on the CPU.

    Returns:
        A new batch of the same shape, dtype and device, in channels_last memory.

    Raises:
        ValueError: ``shift_pixels`` is negative.
    """
    if shift_pixels < 0:
        raise ValueError(f"shift_pixels = {shift_pixels} must be at least 0")
    count, channels, height, width = batch.shape
    shift = torch.randint(0, 2 * shift_pixels + 1, (2, count), generator=generator)
    mirror = torch.randint(0, 2, (count,), generator=generator).bool() & flip
    padding = (0, 0, shift_pixels, shift_pixels, shift_pixels, shift_pixels)
    padded = functional.pad(batch.permute(0, 2, 3, 1), padding)
    rows = torch.arange(height)[None, :] + shift[0][:, None]
    columns = torch.arange(width)[None, :] + shift[1][:, None]
    columns = torch.where(mirror[:, None], columns.flip(1), columns)
    pixel = torch.arange(count)[:, None, None] * padded.shape[1] + rows[:, :, None]
    pixel = (pixel * padded.shape[2] + columns[:, None, :]).reshape(-1).to(batch.device)
    picked = padded.reshape(-1, channels).index_select(0, pixel)
    return picked.view(count, height, width, channels).permute(0, 3, 1, 2)
