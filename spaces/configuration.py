"""The configuration of one trial: everything that decides what it trains, apart from its data and its seed."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

REFERENCE_STEPS = 75_000
"""Length of the recipe's full training; step counts of a configuration are stated for a training this long."""

BY_CLASS = {"threshold_offsets": 0.0, "class_weight_factors": 1.0}
"""Fields with a value for each class, by class name; and the value of a class that is not named."""

OFF = "off"
"""The threshold strategy that trusts no pseudo-label: no self-training at all."""


class TrialConfig(BaseModel):
    """One point of a search space. The defaults are the recipe that every search takes as its baseline.

    `warmup_steps`, `selftraining_start`, `selftraining_ramp`, `ema_decay` and `threshold_decay` are stated for a
    training of `REFERENCE_STEPS` steps; `spaces.schedule` scales them to the length that is really trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Network
    architecture: str = Field(description="name of a registered model")
    encoder: str = Field(description="name of the encoder, as segmentation-models-pytorch spells it")
    heads: int = Field(3, ge=1, le=9, description="classification heads on the shared decoder features")
    head_dropout: float = Field(0.10, ge=0, le=0.5, description="dropout of the first head; head i adds 0.05 i")
    decoder_width: float = Field(1.0, ge=0.25, le=4, description="multiplies the decoder's channels")

    # Images
    image_scale: float = Field(1.0, gt=0, le=4, description="images are resized by this before anything else")
    crop_size: int = Field(256, ge=32, multiple_of=32, description="side of a training crop, px, after image_scale")
    multiscale: float = Field(1.25, ge=1, le=2, description="crops are fed at crop_size to crop_size times this")
    scale_low: float = Field(0.75, gt=0, le=1, description="smallest random zoom of a training crop")
    scale_high: float = Field(1.25, ge=1, le=4, description="largest random zoom of a training crop")

    rare_class_share: float = Field(0.0, ge=0, le=1, description="share of labelled crops drawn around rare classes")
    labelled_colour: bool = Field(False, description="change the colours of labelled crops as in the strong view")

    # Optimisation
    batch_size: int = Field(16, ge=2, description="labelled crops per step, and as many unlabelled ones")
    optimizer: Literal["sgd", "adamw"] = Field("sgd", description="the optimiser")
    learning_rate: float = Field(3e-4, gt=0, le=1, description="peak learning rate of the encoder")
    decoder_learning_rate_factor: float = Field(10.0, gt=0, description="decoder and heads learn this much faster")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of SGD")
    weight_decay: float = Field(5e-4, ge=0, description="weight decay")
    warmup_steps: int = Field(1_500, ge=0, description="steps of linear warm-up, of 75,000")
    gradient_clip_norm: float = Field(10.0, gt=0, description="gradients are clipped to this norm")
    ema_decay: float = Field(0.9995, ge=0, lt=1, description="decay of the averaged weights, for 75,000 steps")

    # Supervised loss: the share that Dice and focal leave is cross-entropy's
    dice_weight: float = Field(0.4, ge=0, le=1, description="share of the Dice loss")
    focal_weight: float = Field(0.2, ge=0, le=1, description="share of the focal loss")
    focal_gamma: float = Field(2.0, ge=0, description="focusing exponent of the focal loss")
    class_weighting: Literal["inverse", "none"] = Field(
        "inverse", description="classes weigh in cross-entropy by inverse frequency, or alike"
    )
    class_weight_cap: float = Field(10.0, ge=1, description="largest inverse-frequency class weight (inverse)")
    class_weight_factors: dict[str, float] = Field(
        default_factory=dict, description="multiply a class's weight, by class name; other classes keep theirs"
    )

    # Self-training
    threshold_strategy: str = Field("classwise", description="name of a registered threshold strategy; off for none")
    selftraining_start: int = Field(500, ge=0, description="first step with pseudo-labels, of 75,000")
    selftraining_ramp: int = Field(0, ge=0, description="steps in which selftraining_weight grows from 0, of 75,000")
    selftraining_weight: float = Field(1.5, ge=0, description="weight of the loss on pseudo-labels")
    threshold_base: float = Field(0.50, ge=0, lt=1, description="confidence to exceed (classwise, fixed)")
    threshold_background: float = Field(0.0, ge=0, lt=1, description="the same for class 0 (classwise)")
    threshold_offsets: dict[str, float] = Field(
        default={"Bangunan": 0.05, "Jalan": 0.10, "Pohon Berinang": 0.05, "Snake Fruit": -0.05},
        description="added to threshold_base, by class name (classwise); other classes add nothing",
    )
    threshold_decay: float = Field(
        0.999, ge=0, lt=1, description="decay of thresholds that are learned, for 75,000 steps (freematch, softmatch)"
    )
    threshold_sigmas: float = Field(
        2.0, gt=0, description="one deviation below the mean confidence, labels weigh exp(-sigmas^2 / 2) (softmatch)"
    )
    strong_augmentation: bool = Field(True, description="learn pseudo-labels on a strongly augmented view")
    strong_views: int = Field(1, ge=1, le=2, description="strong views of each unlabelled crop, learned side by side")
    complementary_dropout: bool = Field(
        False, description="of two strong views, each sees the feature channels that the other does not"
    )
    cutmix: bool = Field(False, description="mix boxes between the unlabelled images of a batch")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.dice_weight + self.focal_weight > 1 + 1e-9:
            raise ValueError("dice_weight + focal_weight must not exceed 1; cross-entropy has the rest")
        if self.complementary_dropout and self.strong_views < 2:
            raise ValueError("complementary_dropout needs strong_views: 2")
        for name, factor in self.class_weight_factors.items():
            if factor < 0:
                raise ValueError(f"class_weight_factors: {name!r} has {factor}; it must be 0 or more")
        return self

    @property
    def selftraining(self) -> bool:
        """Whether the configuration learns from unlabelled images at all."""
        return self.threshold_strategy != OFF and self.selftraining_weight > 0

    @property
    def cross_entropy_weight(self) -> float:
        """Share of the cross-entropy in the supervised loss: what Dice and focal leave."""
        return max(0.0, 1.0 - self.dice_weight - self.focal_weight)

    def network_key(self) -> tuple[str | int | float, ...]:
        """What identifies the network whose cost is measured: trials with equal keys share one measurement."""
        return (self.architecture, self.encoder, self.heads, self.decoder_width, self.image_scale, self.crop_size)
