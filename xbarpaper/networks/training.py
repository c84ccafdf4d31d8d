"""Training and fine-tuning: SGD with Nesterov momentum under a one-cycle schedule.

A run that is killed at any moment and started again goes on from its last whole epoch and ends in the same weights, bit
for bit on the same machine: everything random in an epoch is drawn from a generator seeded by the run's seed and the
epoch's number, so weights, momentum and the epoch are the whole state.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from xbarpaper.data import ImageSet, augment, normalised, take
from xbarpaper.networks import resuming
from xbarpaper.networks.digests import tensor_digest
from xbarpaper.networks.inference import accuracy, arithmetic, device_of, forward_dtype
from xbarpaper.networks.network import Network
from xbarpaper.networks.runs import Run, Schedule, batch_size, steps_per_epoch
from xbarpaper.support import code, live, progress
from xbarpaper.support.errors import TrainingError

_STEPS_PER_LOOK = 20  # reading the loss makes a GPU wait, so look seldom


def one_cycle_rates(steps: int, peak: float, warmup_share: float) -> list[float]:
    """Learning rate of every step of torch's ``OneCycleLR`` (Smith and Topin, arXiv 1708.07120).

    Half a cosine from peak / 25 up to the peak, and one from there down to peak / 250,000 a step after the last. Where
    there are too few steps for a warm-up, it starts at the peak.
    """
    top = max(warmup_share * (steps + 1) - 1, 0.0)  # the step at the peak, as torch counts it
    rates = []
    for step in range(steps):
        if step <= top and top > 0:
            start, end, share = peak / 25, peak, step / top
        else:
            start, end, share = peak, peak / 25 / 1e4, (step - top) / (steps - top)
        rates.append(end + (start - end) / 2.0 * (1 + math.cos(math.pi * share)))
    return rates


def train(
    network: Network, images: ImageSet, run: Run, on_epoch: Callable[[int], None] | None = None
) -> pd.DataFrame:
    """Train a network in place.

    Args:
        network: the network to train; it ends on the device of ``run.settings``, in evaluation mode.
        images: the data; accuracy is measured on all its test images after each epoch.
        on_epoch: called with the number of whole epochs after each one, once they can no longer be lost.

    Returns:
        One row per epoch: epoch, learning_rate (at its end), train_loss, train_accuracy and test_accuracy in percent.

    Raises:
        TrainingError: the loss is not a number.
        ParameterError: the device that the settings ask for is not there.
    """
    device = device_of(run.settings)
    network.to(device)
    loop = _Loop(network, images, run, device)
    start, history = loop.restore()
    steps = run.epochs * loop.steps_per_epoch
    with progress.bar(run.title, steps, initial=start * loop.steps_per_epoch, smoothing=0.05) as bar:
        for epoch in range(start, run.epochs):
            history.append(loop.epoch(epoch, bar))
            loop.keep(epoch + 1, history)
            if run.live:
                live.training(run.live, history, run.epochs)
            if on_epoch:
                on_epoch(epoch + 1)
    if loop.average is not None:
        network.load_state_dict(loop.average.module.state_dict())
    network.eval()
    columns = ["epoch", "learning_rate", "train_loss", "train_accuracy", "test_accuracy"]
    return pd.DataFrame(history, columns=columns)


class _Loop:
    """The state of one training run."""

    def __init__(self, network: Network, images: ImageSet, run: Run, device: torch.device) -> None:
        self.network, self.run, self.device = network, run, device
        self.constraints = run.constraints if run.schedule is None else (*run.constraints, run.schedule)
        self.dtype = forward_dtype(run.settings.precision, device)
        self.inputs, self.labels = normalised(images.train, images, device), images.train.labels.to(device)
        self.test_inputs, self.test_labels = (
            normalised(images.test, images, device),
            images.test.labels.to(device),
        )
        self.batch_size = batch_size(run.settings, len(self.labels))
        self.steps_per_epoch = steps_per_epoch(run.settings, len(self.labels))
        steps = run.epochs * self.steps_per_epoch
        self.teacher = None if run.teacher is None else copy.deepcopy(run.teacher.network).to(device).eval()
        self.parameters = dict(network.named_parameters())
        groups = _parameter_groups(network, self.parameters.values(), run)
        usual: dict[str, Any] = {"lr": run.learning_rate, "weight_decay": run.settings.weight_decay}
        self.optimiser: torch.optim.Optimizer
        if run.optimiser == "adam":
            if run.resume is not None:
                raise ValueError(f"{run.title}: a run of Adam has no resume file")
            self.rates = [run.learning_rate] * steps
            self.optimiser = torch.optim.Adam(groups, **usual)
        else:
            self.rates = one_cycle_rates(steps, run.learning_rate, run.settings.warmup_share)
            momentum = run.settings.momentum
            self.optimiser = torch.optim.SGD(
                groups, **usual, momentum=momentum, nesterov=momentum > 0, foreach=True
            )
        self.average: AveragedModel | None = None
        if decay := run.settings.average_decay:
            averaging = get_ema_multi_avg_fn(decay)
            self.average = AveragedModel(network, multi_avg_fn=averaging, use_buffers=True)
        self.fingerprint = self._fingerprint(images)

    @property
    def kept(self) -> nn.Module:
        """The network whose weights are the result, should the run end here."""
        return self.network if self.average is None else self.average.module

    def epoch(self, epoch: int, bar: progress.Bar) -> dict[str, float]:
        settings, begun = self.run.settings, time.monotonic()
        if self.run.schedule is not None and self.run.schedule.begin(epoch, self.network):
            self._masks_changed(self.run.schedule)
        generator = torch.Generator().manual_seed(self.run.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.labels), generator=generator).to(self.device)
        first = torch.randint(0, 2, order.shape, generator=torch.Generator().manual_seed(self.run.seed))
        mirrored = ((first + epoch) % 2).bool()
        loss_sum = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.long, device=self.device)
        self.network.train()
        for step in range(self.steps_per_epoch):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            images = take(self.inputs, chosen)
            batch = augment(
                images,
                flip=mirrored[chosen.cpu()] if settings.flip and settings.alternating_flip else settings.flip,
                shift_pixels=settings.shift_pixels,
                cut_out_pixels=settings.cut_out_pixels,
                generator=generator,
            )
            loss, logits = self._step(batch, self.labels[chosen], epoch * self.steps_per_epoch + step)
            loss_sum += loss
            right += (logits.argmax(1) == self.labels[chosen]).sum()
            bar.update()
            if (step + 1) % _STEPS_PER_LOOK == 0 or step + 1 == self.steps_per_epoch:
                self._look(epoch, step + 1, loss_sum, right, bar)
        return {
            "epoch": epoch + 1,
            "learning_rate": self.optimiser.param_groups[0]["lr"],
            "train_loss": float(loss_sum) / self.steps_per_epoch,
            "train_accuracy": 100.0 * int(right) / (self.steps_per_epoch * self.batch_size),
            "test_accuracy": accuracy(self.kept, self.test_inputs, self.test_labels),
            "seconds": time.monotonic() - begun,
        }

    def _masks_changed(self, schedule: Schedule) -> None:
        """Apply them at once; weights that come back start without momentum, and no average spans a change."""
        with torch.no_grad():
            schedule.apply(self.network)
        if not schedule.masks:
            for state in self.optimiser.state.values():
                state["momentum_buffer"].zero_()
        if self.average is not None:
            self.average.n_averaged.zero_()  # the next weights are taken as they are

    def _step(self, batch: Tensor, labels: Tensor, step: int) -> tuple[Tensor, Tensor]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.rates[step] * group["factor"]
        with arithmetic(self.device, self.dtype):
            logits = self.network(batch)
            smoothing = self.run.settings.label_smoothing
            loss = nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
            if self.run.teacher is not None and self.teacher is not None:
                with torch.no_grad():
                    answers = self.teacher(batch)
                loss = self.run.teacher.loss(logits, answers, loss)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            for constraint in self.constraints:
                constraint.apply(self.network)
        if self.average is not None:
            self.average.update_parameters(self.network)
        return loss.detach().float(), logits.detach()

    def _look(self, epoch: int, steps: int, loss_sum: Tensor, right: Tensor, bar: progress.Bar) -> None:
        loss = float(loss_sum) / steps
        if not math.isfinite(loss):
            raise TrainingError(
                f"{self.run.title}: the loss is {loss} in epoch {epoch + 1} of {self.run.epochs}, at learning rate "
                f"{self.rates[epoch * self.steps_per_epoch + steps - 1]:.3g} (peak {self.run.learning_rate:g}); lower it"
            )
        share = 100.0 * int(right) / (steps * self.batch_size)
        told = f"epoch {epoch + 1}/{self.run.epochs}, loss {loss:.3f}, accuracy {share:.1f} %"
        bar.set_postfix_str(told, refresh=False)

    def keep(self, epochs: int, history: resuming.History) -> None:
        """Write what a killed run goes on from."""
        if self.run.resume is None:
            return
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.parameters.items():
            momentum = self.optimiser.state[parameter].get("momentum_buffer")
            if momentum is not None:
                tensors[f"momentum.{name}"] = momentum
        if self.run.schedule is not None:
            tensors |= {f"mask.{name}": mask for name, mask in self.run.schedule.masks.items()}
        if self.average is not None:
            tensors |= {f"average.{name}": value for name, value in self.average.module.state_dict().items()}
        resuming.keep(self.run.resume, self.fingerprint, epochs, history, tensors)

    def restore(self) -> tuple[int, resuming.History]:
        """Take up a killed run: its whole epochs and their history; (0, []) if there is none that fits."""
        if self.run.resume is None:
            return 0, []
        epochs, history, tensors = resuming.restore(self.run.resume, self.fingerprint)
        if epochs:
            self.network.load_state_dict(_named(tensors, "network"))
            for name, momentum in _named(tensors, "momentum").items():
                buffer = torch.empty_like(self.parameters[name]).copy_(momentum)
                self.optimiser.state[self.parameters[name]] = {"momentum_buffer": buffer}
            if self.run.schedule is not None:
                self.run.schedule.masks = _named(tensors, "mask")
            if self.average is not None:
                self.average.module.load_state_dict(_named(tensors, "average"))
                self.average.n_averaged.fill_(1)  # it has begun
        return epochs, history

    def _fingerprint(self, images: ImageSet) -> str:
        """Digest of all that the final weights depend on, this code included."""
        run = self.run
        parts = [
            run.settings.model_dump_json(exclude={"device", "precision"}),
            f"{run.epochs} {run.learning_rate!r} {run.seed}",
            f"{self.device} {self.dtype} {torch.get_num_threads()} threads",
            torch.__version__,
            images.digest,
            code.digest(type(self.network).__module__),
            self.network.architecture.model_dump_json(),
            tensor_digest(self.network.state_dict()),
            *(f"{code.digest(type(one).__module__)} {one.digest()}" for one in self.constraints),
            "labels alone" if run.teacher is None else run.teacher.digest(),
            code.digest(__name__),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _named(tensors: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """The tensors of a kind, by what follows it in their names."""
    own = f"{kind}."
    return {name.removeprefix(own): value for name, value in tensors.items() if name.startswith(own)}


def _parameter_groups(network: Network, parameters: Iterable[nn.Parameter], run: Run) -> list[dict[str, Any]]:
    """Biases of batch norms apart: they may learn faster, and then decay no more than the others."""
    factor = run.settings.norm_bias_rate
    biases = {norm.bias for norm in network.norms().values()} if factor != 1 else set()
    groups: list[dict[str, Any]] = [
        {"params": [one for one in parameters if one not in biases], "factor": 1.0}
    ]
    if biases:
        decay = run.settings.weight_decay / factor
        groups.append({"params": list(biases), "factor": factor, "weight_decay": decay})
    return groups
