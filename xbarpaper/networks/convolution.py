"""The convolution of VGG networks, computed in the way that is fastest for its maps and its arithmetic."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from xbarpaper.networks import unfolded, winograd

_LEAST_CHANNELS: Final = 128  # with fewer, moving the data costs more than the products that are saved
_UNFOLDED_SIDES: Final = (2, 4)  # on larger maps the library's own convolution is as fast


class Convolution3x3(nn.Conv2d):
    """A 3 x 3 convolution of stride 1 that keeps the size of its maps, fast on small ones too.

    It trains without a bias; one may be put in afterwards (``folded``). On a processor, float32 goes by Winograd's
    filtering and bfloat16 by unfolding; all else is torch's own.
    """

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__(inputs, filters, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, inputs, h, w) to (n, filters, h, w)."""
        height, side = features.shape[2:]
        if features.device.type == "cpu" and height == side and min(self.weight.shape[:2]) >= _LEAST_CHANNELS:
            cast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
            if side in winograd.SIDES and cast is None and features.dtype == torch.float32:
                convolved = winograd.whole_map(features, self.weight)
                return convolved if self.bias is None else convolved + self.bias[:, None, None]
            if side in _UNFOLDED_SIDES and cast == torch.bfloat16:
                bias = None if self.bias is None else self.bias.to(cast)
                return unfolded.convolve(features.to(cast), self.weight.to(cast), bias)
        return super().forward(features)
