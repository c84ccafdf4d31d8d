"""Writes ``golden_attacks.json``: what two maintained libraries do to a network whose weights are formulas.

In an environment of its own, beside this library's:

    pip install foolbox==3.3.4 torchattacks==3.5.1 && python tests/golden_attacks.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

GOLDEN: Final = Path(__file__).with_suffix(".json")
EPSILON: Final = 0.06
STEP: Final = 0.02
STEPS: Final = 6
QUERIES: Final = 60
SEEDS: Final = range(10)


def waves(*shape: int, pace: float) -> Tensor:
    """Numbers between -1 and 1 that look random and are the same everywhere."""
    return torch.sin(pace * torch.arange(torch.Size(shape).numel(), dtype=torch.float64) ** 1.3).view(shape)


def network() -> nn.Module:
    """Two convolutions and a linear layer, float64."""
    layers = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 10)
    ).double()
    with torch.no_grad():
        for number, weights in enumerate(layers.parameters()):
            weights.copy_(0.5 * waves(*weights.shape, pace=1.7 + number))
    return layers.eval()


def problem(images: int) -> tuple[nn.Module, Tensor, Tensor]:
    """The network, images of 6 x 6 pixels, some of them at 0 and 1, and the classes that it gives them."""
    attacked, pixels = network(), (0.5 + 0.7 * waves(images, 3, 6, 6, pace=2.9)).clamp(0, 1)
    return attacked, pixels, attacked(pixels).argmax(1)


def start(pixels: Tensor) -> Tensor:
    """The random start of this library's PGD, seed 0, as a share of epsilon."""
    return 2 * torch.rand(pixels.shape, generator=torch.Generator().manual_seed(0), dtype=pixels.dtype) - 1


def main() -> None:
    import eagerpy
    import foolbox
    import torchattacks
    from foolbox.attacks import FGSM, LinfPGD

    attacked, pixels, labels = problem(3)
    model = foolbox.PyTorchModel(attacked, bounds=(0, 1))

    class FromOurStart(LinfPGD):  # type: ignore[misc]
        def get_random_start(self, x0: Any, epsilon: float) -> Any:
            return x0 + epsilon * eagerpy.astensor(start(pixels))

    def by(attack: Any) -> list[float]:
        reached = attack.run(model, pixels, foolbox.Misclassification(labels), epsilon=EPSILON)
        return [round(value, 9) for value in reached.flatten().tolist()]

    found: dict[str, Any] = {
        "made by": f"tests/golden_attacks.py with foolbox {foolbox.__version__} (fgsm, pgd), torchattacks "
        f"{torchattacks.__version__} (square: share of images still right), torch {torch.__version__}",
        "fgsm": by(FGSM(random_start=False)),
        "pgd": by(FromOurStart(abs_stepsize=STEP, steps=STEPS, random_start=True)),
    }
    attacked, pixels, labels = problem(100)
    left = []
    for seed in SEEDS:
        square = torchattacks.Square(attacked, eps=EPSILON, n_queries=QUERIES, seed=seed)
        reached = square.perturb(pixels.clone(), labels)
        left.append(float((attacked(reached).argmax(1) == labels).double().mean()))
    GOLDEN.write_text(json.dumps(found | {"square": left}, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
