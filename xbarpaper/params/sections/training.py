"""What is trained: experiments, and how their networks are trained, pruned and taught."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from xbarpaper.params.names import (
    Count,
    Device,
    Fraction,
    Inside,
    NetworkName,
    Positive,
    Precision,
    PruneWhen,
    Seed,
    Share,
)
from xbarpaper.support.validation import Defaults


class Experiment(Defaults):
    """One network on one dataset, at one sparsity."""

    dataset: str = Field(description="an entry of datasets")
    network: NetworkName = Field(description="architecture")
    width: Annotated[float, Field(gt=0, le=4)] = Field(
        default=0.125, description="channels relative to the standard network"
    )
    sparsity: Share = Field(default=0.8, description="fraction of weights removed from the prunable layers")
    training_seed: Seed = Field(default=0, description="of initialisation, batches and augmentation")


class Train(Defaults):
    """Training of the unpruned network."""

    device: Device = Field(default="auto", description="where networks are trained and evaluated")
    precision: Precision = Field(
        default="auto",
        description="arithmetic of the forward pass; auto takes bfloat16 where the processor or the GPU has "
        "instructions for it",
    )
    epochs: Count = Field(default=10, description="passes over the training images")
    batch_size: Count = Field(default=64, description="images per step")
    learning_rate: Positive = Field(default=0.1, description="peak of the one-cycle schedule")
    warmup_share: Inside = Field(default=0.25, description="share of the steps until the peak")
    momentum: Share = Field(default=0.9, description="Nesterov momentum")
    weight_decay: Fraction = Field(default=5e-4, description="L2 penalty")
    norm_bias_rate: Positive = Field(
        default=1.0, description="learning rate of the biases of batch norms, relative to all others"
    )
    average_decay: Share = Field(
        default=0.0,
        description="the network kept is a moving average of the weights, which loses 1 - this at every step; 0 keeps "
        "the last weights",
    )
    label_smoothing: Share = Field(default=0.1, description="share of the target spread over all classes")
    flip: bool = Field(default=True, description="mirror training images at random")
    alternating_flip: bool = Field(
        default=False,
        description="where they are mirrored: each in every second epoch, from the first or the second on at random",
    )
    shift_pixels: Annotated[int, Field(ge=0, le=16)] = Field(
        default=4, description="largest shift of the random crop"
    )
    cut_out_pixels: Annotated[int, Field(ge=0, le=32)] = Field(
        default=0, description="side of the square blanked in each training image; fine-tuning blanks none"
    )


class Prune(Defaults):
    """Structured pruning, then fine-tuning with the mask held."""

    when: PruneWhen = Field(
        default="trained",
        description="prune the trained network, or at initialisation (then train.* holds, and nothing of "
        "steps, epochs, learning_rate and weight_decay below)",
    )
    steps: Count = Field(
        default=1,
        description="the sparsity grows to its end in so many steps, an epoch after each but the last",
    )
    epochs: Count = Field(default=2, description="of fine-tuning, after the last step")
    learning_rate: Positive = Field(default=0.05, description="peak of the fine-tuning schedule")
    weight_decay: Fraction = Field(
        default=5e-4, description="L2 penalty on pruned networks, from the first step on"
    )
    first_convolution: bool = Field(default=False, description="whether it may be pruned")
    classifier: bool = Field(default=False, description="whether it may be pruned")


class Distillation(Defaults):
    """Fine-tuning and WCT learn from the unpruned network too (arXiv 1503.02531)."""

    weight: Share = Field(
        default=0.5, description="share of the teacher's answers in the loss; 0 learns from labels alone"
    )
    temperature: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=2.0, description="softening of the logits of teacher and student"
    )
