"""Settings of a distillation, read from a recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from twoalike.study import Strict, TwoalikeError, load_toml, plain_words

Objective = Literal["kl", "jsd", "hard", "relational"]
"""What is learnt of the teacher; the losses are in :mod:`twoalike.distill._losses`."""
Similarity = Literal["dot", "cosine"]


class DistillConfig(Strict):
    """Every knob of a distillation; the resolved settings are saved with the student."""

    seed: int = Field(default=0, ge=0, description="everything random derives from it")
    steps: int = Field(default=200, ge=1, description="updates of the weights")
    batch: int = Field(
        default=48,
        ge=3,
        description="images a process and step; n images give n(n-1)(n-2)/6 triplets; of listed "
        "labels: triplets a process and step",
    )
    accumulate: int = Field(default=1, ge=1, description="batches a step, each with own triplets")
    size: int | None = Field(
        default=None, description="width and height of the input, pixels; none: the network's own"
    )
    triplets: int = Field(
        default=8000, ge=1, description="most triplets a batch; beyond that they are sampled"
    )
    sampling: Literal["uniform", "scales"] = Field(
        default="uniform",
        description="uniform: any three images of a batch, most of which ask about coarse "
        "distinctions; scales: neighbours by the teacher at all scales, near ones as often as far "
        "ones, which teaches fine distinctions too",
    )
    objective: Objective = Field(
        default="kl",
        description="kl, jsd: divergence from the teacher's choice probabilities; hard: "
        "cross-entropy with its likeliest odd one; relational: correlation of the similarity "
        "matrices, which needs a teacher",
    )
    average: Literal["teacher", "predictive", "plugin", "draw"] = Field(
        default="teacher",
        description="of a posterior teacher's draws: the kind of labels that its file chose; mean "
        "probabilities; those of the mean similarities; one draw a step",
    )
    similarity: Similarity = Field(
        default="dot",
        description="of two images: dot product of features over their number, or cosine of "
        "features minus their mean over the batch",
    )
    head: Literal["none", "linear"] = Field(
        default="none",
        description="linear: a square map that starts as the identity takes up part of what is "
        "learnt; none: all of it ends up in the features themselves, which is what users read",
    )
    head_width: int | None = Field(
        default=None,
        ge=1,
        description="features of the head; none: as many as the network's; others start at random",
    )
    train: Literal["full", "last", "lora", "probe"] = Field(
        default="full",
        description="what learns: all weights; those of the last blocks; low-rank adapters, which "
        "are added to the weights at the end; or an affine map of the features, which are computed "
        "once",
    )
    last_blocks: int = Field(default=1, ge=1, description="blocks that learn with train = 'last'")
    lora_rank: int = Field(default=8, ge=1, description="rank of the adapters")
    lora_targets: tuple[str, ...] = Field(
        default=(),
        description="endings of the names of layers with adapters; none: all linear layers and "
        "ungrouped convolutions but the first",
    )
    rate: float = Field(default=3e-4, gt=0, description="peak learning rate")
    temperature: float | None = Field(
        default=None,
        gt=0,
        description="of the student at the start; none: the one at which it agrees best as it is",
    )
    temperature_rate: float = Field(
        default=0.02, ge=0, description="peak learning rate of the log-temperature; 0 fixes it"
    )
    warmup: float = Field(default=0.1, ge=0, lt=1, description="share of steps before the peak")
    decay_to_init: float = Field(
        default=1.0, ge=0, description="pull towards the initial weights, times the rate, a step"
    )
    preserve: float = Field(
        default=0.0,
        ge=0,
        description="weight of 1 - CKA between the features and those of the network at the start",
    )
    keep_classifier: float = Field(
        default=0.0,
        ge=0,
        description="weight of the KL divergence of class probabilities, by the network's own "
        "classifier, from those at the start; above 0 the student's folder holds the classifier",
    )
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the moving average of weights that stays a step; the average is "
        "scored and kept; 0: none",
    )
    clip: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0: any")
    precision: Literal["32", "bf16"] = Field(
        default="32", description="of the network; similarities and loss are float32 always"
    )
    parallel: Literal["ddp", "fsdp"] = Field(
        default="ddp",
        description="of several processes, each has the whole network (ddp) or its share (fsdp)",
    )
    channels_last: bool = Field(
        default=True, description="memory layout that convolutions are faster in"
    )
    compile: bool = Field(
        default=False, description="by torch.compile: the first step takes long, the rest less"
    )
    tensorboard: bool = Field(
        default=False, description="event files beside training.jsonl, in tensorboard/"
    )
    flip: bool = Field(
        default=False, description="mirror images at random; where sides mean nothing"
    )
    held_out: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="share of images, 1000 at most, that only score the student",
    )
    evaluate_every: int = Field(
        default=20, ge=1, description="steps between scores and checkpoints"
    )
    select: Literal["best", "last"] = Field(
        default="best", description="which weights become the student: least held-out KL, or last"
    )
    workers: int = Field(default=0, ge=0, description="processes that load images; 0: none extra")

    @model_validator(mode="after")
    def _matrices_have_no_triplets(self) -> "DistillConfig":
        if self.objective == "relational" and self.sampling != "uniform":
            raise ValueError(
                "objective = 'relational' compares whole matrices, and sampling = "
                f"{self.sampling!r} picks triplets; leave sampling out"
            )
        return self

    @model_validator(mode="after")
    def _probe_sees_no_images(self) -> "DistillConfig":
        if self.train == "probe" and self.flip:
            raise ValueError("flip = true mirrors images, and a probe learns on features")
        if self.train == "probe" and (self.head != "none" or self.head_width is not None):
            raise ValueError("head adds a map of features, and a probe is one; leave head out")
        if self.train == "probe" and self.keep_classifier:
            raise ValueError(
                "keep_classifier has nothing to keep: a probe leaves the network, and with it the "
                "classes, as they are"
            )
        return self


def load_recipe(
    path: str | Path | None, overrides: Mapping[str, Any] | None = None
) -> DistillConfig:
    """Read a recipe and replace some of its settings.

    Parameters
    ----------
    path
        TOML file; None takes the defaults.
    overrides
        Settings by name; None values are passed over.

    Raises
    ------
    TwoalikeError
        If the file or a value is wrong.
    """
    config = load_toml(path, DistillConfig) if path else DistillConfig()
    changes = {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return DistillConfig.model_validate({**config.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        where = f"`{name}=...`" if name else "recipe"
        raise TwoalikeError(plain_words(first), where=where) from error
