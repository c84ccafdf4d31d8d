"""How networks compute: on which device, in which arithmetic, and how many images they classify right."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xbarpaper.params import Precision, Train
from xbarpaper.support.errors import ParameterError

_EVALUATION_BATCH = 500


def device_of(settings: Train) -> torch.device:
    """The device to train and evaluate on.

    Raises:
        ParameterError: ``train.device`` is cuda and there is none.
    """
    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ParameterError("train.device = cuda, but torch finds no CUDA device; allowed here: auto, cpu")
    return torch.device(settings.device)


def forward_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Arithmetic of the forward pass: ``auto`` takes bfloat16 where the device has instructions for it."""
    if precision == "auto":
        fast = torch.cpu._is_avx512_bf16_supported()
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    return torch.float32 if precision == "float32" else torch.bfloat16


def arithmetic(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """A block in which networks on a device compute in ``dtype``: float32, which is their own, or fewer bits."""
    return torch.autocast(device.type, dtype, enabled=dtype is not torch.float32)


def accuracy(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    batch_size: int = _EVALUATION_BATCH,
    dtype: torch.dtype = torch.float32,
) -> float:
    """Share of normalised images (n, 3, 32, 32) that a network classifies right, in percent; ``dtype``: arithmetic."""
    network.eval()
    batches = zip(images.split(batch_size), labels.split(batch_size), strict=True)
    with torch.inference_mode(), arithmetic(images.device, dtype):
        right = [(network(batch).argmax(1) == truth).sum() for batch, truth in batches]
    return 100.0 * int(torch.stack(right).sum()) / len(labels)
