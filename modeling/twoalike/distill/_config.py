"""Settings of a distillation, read from a recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from twoalike.study import Strict, TwoalikeError, load_toml, plain_words

Objective = Literal["kl", "jsd", "hard"]
"""What is learnt from the teacher; the losses are in :mod:`twoalike.distill._losses`."""
Similarity = Literal["dot", "raw-dot", "cosine"]
Sampling = Literal["uniform", "scales"]
"""Of a batch's triplets: any three images, or neighbours at all scales."""


class DistillConfig(Strict):
    """All settings of a distillation; the resolved settings are saved with the student."""

    seed: int = Field(default=0, ge=0, description="seed of all randomness")
    steps: int = Field(
        default=100,
        ge=1,
        description="updates of the weights; half of them if by then no score of held-out images "
        "improves on the closed form",
    )
    batch: int = Field(
        default=48,
        ge=3,
        description="images per process and step; n images give n(n-1)(n-2)/6 triplets; of listed "
        "labels: triplets per process and step",
    )
    accumulate: int = Field(default=1, ge=1, description="batches per step, with separate triplets")
    size: int | None = Field(
        default=None,
        description="width and height of the input, pixels; if left out: the network's own",
    )
    triplets: int = Field(
        default=8000, ge=1, description="most triplets per batch; beyond that they are sampled"
    )
    sampling: Sampling = Field(
        default="uniform",
        description="uniform: any three images of a batch, which mostly concerns coarse "
        "distinctions; scales: neighbours (by the teacher) at all scales, near ones as often as "
        "far ones, which also teaches fine distinctions",
    )
    objective: Objective = Field(
        default="kl",
        description="kl, jsd: divergence from the teacher's choice probabilities; hard: "
        "cross-entropy with its likeliest odd one",
    )
    average: Literal["teacher", "predictive", "plugin", "draw"] = Field(
        default="teacher",
        description="of a posterior teacher's draws: the kind of labels that its file chose; mean "
        "probabilities; those of the mean similarities; one draw per step",
    )
    similarity: Similarity = Field(
        default="cosine",
        description="of two images: dot product of features over their number; raw-dot: not over "
        "their number; or cosine of features minus their mean over the batch",
    )
    preprocessing: Literal["network", "alignet"] = Field(
        default="network",
        description="of images: as the network's weights expect; alignet: pixels from 0 to 1 of "
        "the whole image, resized without antialiasing, for any weights",
    )
    head: Literal["none", "linear", "dense"] = Field(
        default="none",
        description="none: the features themselves are trained; linear: a map without bias that "
        "starts as the identity; dense: a map with bias that starts at random, AligNet's. A head "
        "is left out of the student",
    )
    head_width: int | None = Field(
        default=None,
        ge=1,
        description="features of a linear or dense head; if left out: as many as the network's; "
        "other widths of a linear head: random start",
    )
    train: Literal["full", "last", "lora", "probe"] = Field(
        default="last",
        description="what is trained. full: all weights; last: those of the last blocks; lora: "
        "low-rank adapters, merged into the weights at the end; probe: nothing, which leaves the "
        "aligned vector in closed form",
    )
    last_blocks: int | None = Field(
        default=None, ge=1, description="blocks trained with train = 'last'; if left out: a third"
    )
    lora_rank: int = Field(default=8, ge=1, description="rank of the adapters")
    lora_targets: tuple[str, ...] = Field(
        default=(),
        description="endings of the names of layers with adapters; if left out: all linear layers "
        "and ungrouped convolutions but the first",
    )
    rate: float = Field(default=3e-4, gt=0, description="peak learning rate")
    temperature: float | None = Field(
        default=None,
        gt=0,
        description="initial temperature of the student; if left out: the one of best agreement",
    )
    temperature_rate: float = Field(
        default=0.02, ge=0, description="peak learning rate of the log-temperature; 0 fixes it"
    )
    warmup: float = Field(default=0.1, ge=0, lt=1, description="share of steps before the peak")
    first_rate: Literal["positive", "zero"] = Field(
        default="positive",
        description="learning rate of the first step of the warm-up: an equal part of the peak; "
        "or 0, as in optax, where the warm-up is one step later",
    )
    decay_to_init: float = Field(
        default=1.0, ge=0, description="pull towards the initial weights per step, times the rate"
    )
    mix: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="share of the way from the initial weights to the trained ones at which the "
        "student is taken (Wortsman et al. 2022, arXiv:2109.01903); if left out: half of it or "
        "all, whichever held-out images prefer (of listed labels: half)",
    )
    balance: float | None = Field(
        default=None,
        ge=0,
        description="length of the human part of the vector, in lengths of the features; if "
        "left out: the most likeness that costs held-out images no ability",
    )
    preserve: float = Field(
        default=0.3,
        ge=0,
        description="weight of the KL divergence of each image's neighbours, by the features, from "
        "the initial ones",
    )
    keep_classifier: float = Field(
        default=0.0,
        ge=0,
        description="weight of the KL divergence of class probabilities, by the network's own "
        "classifier, from the initial ones; if above 0, the student keeps the classifier",
    )
    clip: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0: no limit")
    precision: Literal["32", "bf16"] = Field(
        default="32", description="of the network; similarities and loss are always float32"
    )
    channels_last: bool = Field(
        default=True, description="memory layout in which convolutions are faster"
    )
    compile: bool = Field(
        default=False, description="use torch.compile: a slow first step, then faster ones"
    )
    checkpointing: bool = Field(
        default=False,
        description="keep only the inputs of blocks during the forward pass and compute the rest "
        "again in the backward pass: less memory for activations, about a third more time",
    )
    tensorboard: bool = Field(
        default=False,
        description="write the numbers of training.jsonl also as event files, in tensorboard/",
    )
    logger: Literal["wandb", "mlflow"] | None = Field(
        default=None,
        description="where the numbers of training.jsonl also go: Weights & Biases or MLflow",
    )
    flip: bool = Field(
        default=False, description="mirror images at random, if left and right do not matter"
    )
    held_out: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="share of images, 1000 at most, that are not trained on; by them the student "
        "is scored and chosen",
    )
    evaluate_every: int = Field(
        default=25, ge=1, description="steps between scores and checkpoints"
    )
    keep: int = Field(
        default=2, ge=1, description="last checkpoints that are kept, beside that of the best score"
    )
    select: Literal["best", "last"] = Field(
        default="best",
        description="step of the student: the one that held-out images prefer, or the last",
    )
    workers: int = Field(default=0, ge=0, description="extra processes that load images")

    @model_validator(mode="after")
    def _settings_fit_together(self) -> "DistillConfig":
        if self.head_width is not None and self.head not in {"linear", "dense"}:
            raise ValueError(
                f"head_width is that of head = 'linear' or 'dense', and head is {self.head!r}"
            )
        if self.train == "probe" and (self.head != "none" or self.keep_classifier):
            raise ValueError(
                "train = 'probe' is the closed form, which trains nothing: leave head and "
                "keep_classifier out"
            )
        return self


def load_recipe(
    path: str | Path | None, overrides: Mapping[str, Any] | None = None
) -> DistillConfig:
    """Read a recipe (TOML; None: the defaults) and replace some of its settings, but by no None."""
    config = load_toml(path, DistillConfig) if path else DistillConfig()
    changes = {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return DistillConfig.model_validate({**config.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        where = f"`{name}=...`" if name else "recipe"
        raise TwoalikeError(plain_words(first), where=where) from error
