"""Writes ``golden_spiking.json``: what a maintained library makes of a spiking network whose weights are formulas.

SpikingJelly's neurons, layers and its backward pass through time; the surrogate's factor is the formula. In an
environment of its own, beside torch:

    pip install --no-deps spikingjelly==2.0.0 && python tests/golden_spiking.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

GOLDEN: Final = Path(__file__).with_suffix(".json")
LEAK: Final = 0.9
THRESHOLD: Final = 1.0
STEPS: Final = 6
IMAGES: Final = 2


def waves(*shape: int, pace: float) -> Tensor:
    """Numbers between -1 and 1 that look random and are the same everywhere."""
    steps = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return torch.sin(pace * steps**1.3).float().view(shape)


def images() -> Tensor:
    """Images, shape (n, 3, 32, 32)."""
    return waves(IMAGES, 3, 32, 32, pace=0.37)


def fill(module: nn.Module) -> None:
    """Weights and shifts by formula, for convolutions, linear layers and norms in the order of the modules."""
    number = 0
    with torch.no_grad():
        for one in module.modules():
            if isinstance(one, nn.Conv2d | nn.Linear):
                number += 1
                one.weight.copy_(
                    waves(*one.weight.shape, pace=0.2 + 0.1 * number) * 3 / one.weight[0].numel() ** 0.5
                )
                if one.bias is not None:
                    one.bias.fill_(0.1)
            if isinstance(one, nn.BatchNorm2d):
                one.weight.fill_(1.2)
                one.bias.copy_(0.5 + 0.2 * waves(len(one.bias), pace=0.7))


class _Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * 0.3 * (1 - x.abs()).clamp(min=0)


def main() -> None:
    import spikingjelly
    from spikingjelly.activation_based import functional, layer, neuron

    def fire() -> nn.Module:
        return neuron.LIFNode(
            tau=1 / (1 - LEAK), decay_input=False, v_threshold=THRESHOLD, v_reset=None,
            surrogate_function=_Surrogate.apply, detach_reset=True, step_mode="m",
        )  # fmt: skip

    # VGG11 at width 1/32: filters, and True where a pooling follows.
    blocks = [(2, True), (4, True), (8, False), (8, True), (16, False), (16, True), (16, False), (16, True)]
    parts: list[nn.Module] = []
    inputs = 3
    for filters, pooled in blocks:
        parts += [layer.Conv2d(inputs, filters, 3, padding=1, bias=False)]
        parts += [layer.AvgPool2d(2)] if pooled else []
        parts += [layer.BatchNorm2d(filters), fire()]
        inputs = filters
    network = nn.Sequential(*parts, layer.Flatten(), layer.Linear(inputs, 10))
    functional.set_step_mode(network, "m")
    fill(network)
    network.eval()
    shown = images().requires_grad_()
    rates: list[float] = []
    for one in network:
        if isinstance(one, neuron.LIFNode):
            one.register_forward_hook(lambda _module, _inputs, spikes: rates.append(float(spikes.mean())))
    outputs = network(shown.expand(STEPS, *[-1] * 4)).cumsum(0)
    outputs[-1].square().sum().backward()
    assert shown.grad is not None
    golden = {
        "made_by": f"SpikingJelly {spikingjelly.__version__ if hasattr(spikingjelly, '__version__') else '2.0.0'}, "
        f"torch {torch.__version__}",
        "outputs": outputs.detach().double().round(decimals=6).tolist(),
        "rates": [round(rate, 6) for rate in rates],
        "gradient": shown.grad[:, :, 10, ::4].double().round(decimals=7).tolist(),
    }
    GOLDEN.write_text(json.dumps(golden) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
