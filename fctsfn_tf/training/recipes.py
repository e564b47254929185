"""Training recipes: every number of a training run, with its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from fctsfn_tf.clicks.click_maps import CLICK_ENCODINGS, DISKS_AND_PREVIOUS, DISTANCES
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE
from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.config import OWN_SIZE_LIMIT


@dataclass(frozen=True)
class WholePhotographConfig:
    """How `augmentation.whole_view` looks at a photograph: all of it, never enlarged.

    Attributes:
        mirror_probability: how often it is mirrored left to right. The paper trains on both (its
            3,044 objects hold the mirrored ones); 0 for validation.
        is_fitted: True for views of the photograph's own size, rounded up to a multiple of 32, at
            most the size that is asked for. Batches then hold one photograph each.
    """

    mirror_probability: float = 0.5
    is_fitted: bool = False


@dataclass(frozen=True)
class PaperAugmentationConfig:
    """How `augmentation.paper_view` looks at a photograph (paper §3.3; † from its released files).

    Attributes:
        crop_share: cropped around the object if its box covers less than this of the photograph.
        rotation_probability, rotation_degrees: how often, and up to how far (†), it is rotated
            about the object.
        translation_probability, translation_share: how often the object is moved, and up to which
            share of the margin between it and the border (†).
        mirror_probability: see `WholePhotographConfig`.
    """

    crop_share: float = 0.35
    rotation_probability: float = 0.5
    rotation_degrees: float = 60.0
    translation_probability: float = 0.5
    translation_share: float = 1 / 3
    mirror_probability: float = 0.5


@dataclass(frozen=True)
class AugmentationConfig:
    """How `augmentation.random_view` looks at a photograph.

    Attributes:
        zoom_probability: how often the view is cut around the object, as zoom-in does later.
        zoom_margin: side of that view over the longer side of the object's box.
        crop_probability: how often it is cut around a pixel of the object, as the network looks
            closer at a click: with whatever of the object that shows.
        crop_share: side of that view over the longer side of the photograph; its logarithm is
            drawn uniformly.
        scale: otherwise, longer side of the photograph over the side of the view.
        rotation_probability, rotation_degrees: how often, and up to how far, it is rotated.
        mirror_probability: how often it is mirrored left to right.
        aspect: the logarithm of width over height changes by up to this.
        contrast: the logarithm of the contrast changes by up to this.
        brightness: grey levels added or taken, at most.
        tint: the logarithm of each colour's strength changes by up to this.
    """

    zoom_probability: float = 0.4
    zoom_margin: tuple[float, float] = (1.1, 2.5)
    crop_probability: float = 0.0
    crop_share: tuple[float, float] = (0.15, 0.8)
    scale: tuple[float, float] = (1.0, 1.7)
    rotation_probability: float = 0.25
    rotation_degrees: float = 15.0
    mirror_probability: float = 0.5
    aspect: float = 0.15
    contrast: float = 0.25
    brightness: float = 30.0
    tint: float = 0.0


@dataclass(frozen=True)
class SimulationConfig:
    """How training clicks are drawn (RITM: ≤ 24 clicks, decay 0.8; border 0.5 of the negatives).

    Attributes:
        single_click_probability: how often there is one positive click and nothing else, which is
            what every person starts with.
        decay: each further click of a sign is this much as likely as the one before it.
        max_clicks: of one sign.
        border_width: negatives "near the object" lie within this many pixels.
        border_probability: share of negatives that lie there.
        start_mask_probability: how often the previous mask is an imperfect one from elsewhere.
        rollouts: probability of 0, 1, 2, … clicks on the network's own errors.
    """

    single_click_probability: float = 0.65
    decay: float = 0.6
    max_clicks: int = 8
    border_width: int = 20
    border_probability: float = 0.6
    start_mask_probability: float = 0.06
    rollouts: tuple[float, ...] = (0.3, 0.3, 0.2, 0.1, 0.1)


@dataclass(frozen=True)
class PaperClicksConfig:
    """How `simulation.paper_clicks` draws the paper's training clicks.

    The paper takes them from Xu et al. 2016, §3.1. Where a number is marked †, the text is silent
    or says otherwise, and it was read off 1,500 click sets that the authors trained on
    (`scripts/compare_click_statistics.py`).

    Attributes:
        max_positives: 1 to this many on the object, uniformly.
        max_negatives: strategy 1 draws 0 to this many near the object, uniformly.
        max_negatives_per_other: strategy 2 draws one number from 0 to this, uniformly, for all
            other objects of the photograph together, and that many on each (†; the text: 10).
        num_spread: strategy 3 draws exactly this many.
        spacing: clicks of a region lie on a square grid of this many pixels, so that no two are
            nearer (†: the text names the least distance only).
        margin: they keep more than this many pixels off the nearest pixel outside of their region,
            where the region is deep enough (†).
        band_width: strategies 1 and 3 stay within this many pixels of the object. With the margin,
            strategy 1 is left with 6 to 35 pixels (†).
    """

    max_positives: int = 5
    max_negatives: int = 10
    max_negatives_per_other: int = 5
    num_spread: int = 10
    spacing: int = 5
    margin: float = 6.0
    band_width: float = 40.0


@dataclass(frozen=True)
class ClickInput:
    """What `click_dataset.ClickDataset` makes of photographs, for one network.

    Attributes:
        click_encoding: a key of `config.CLICK_ENCODINGS`, the one the network reads.
        views: (height, width, photographs per batch) of the views, in pixels; one is drawn for
            each batch. Height and width are best multiples of 32, to which the networks pad.
        augmentation: how a view is cut out of a photograph.
        clicks: how clicks are drawn. `PaperClicksConfig` draws them in pixels of the photograph
            and moves them with it, `SimulationConfig` draws them in the view.
        objects_per_image: clicked objects of each photograph. One: the object that the view was
            made around. Several: any that the view shows; they share one view, so that the image
            part need run only once for them.
        merge_probability: how often two objects are asked for as one.
        area_exponent: views are made around an object with a probability proportional to its area
            to this power; 0 for all objects alike.
        are_objects_alike: True to draw every object of the data as often as any other, so that a
            photograph of five comes five times an epoch; False to draw every photograph once. It
            takes reading all masks before training begins.
        min_object_share: objects that cover less of their photograph are not clicked, in [0, 1].
        jitter_probability: how often a click is moved as an unsteady hand would,
            see `robot_user.jittered`.
        paste_probability: how often an object of another photograph is pasted into a view. Only
            with `SimulationConfig`, which draws clicks where the view shows the objects.
        hidden_areas: True to tell how much of each object lies outside of its view, as the input
            "hidden_area" (B,) of a batch, in pixels of the view: a predicted IoU is one with all of
            the object.

    Raises:
        InputError: a value outside its range.
    """

    click_encoding: str
    views: tuple[tuple[int, int, int], ...]
    augmentation: AugmentationConfig | PaperAugmentationConfig | WholePhotographConfig
    clicks: SimulationConfig | PaperClicksConfig
    objects_per_image: int = 1
    merge_probability: float = 0.0
    area_exponent: float = 0.0
    are_objects_alike: bool = False
    min_object_share: float = MIN_OBJECT_SHARE
    jitter_probability: float = 0.0
    paste_probability: float = 0.0
    hidden_areas: bool = False

    def __post_init__(self) -> None:
        if self.click_encoding not in CLICK_ENCODINGS:
            raise InputError(
                f"`click_encoding` must be one of {', '.join(CLICK_ENCODINGS)}. Take the one the "
                f"network reads. Received {self.click_encoding!r:.60}."
            )
        if not self.views or any(len(view) != 3 or min(view) < 1 for view in self.views):
            raise InputError(
                "`views` must be one or more of (height, width, photographs), each 1 or more. "
                f"Received {self.views!r:.80}."
            )
        if self.is_fitted and any(photographs > 1 for *_, photographs in self.views):
            raise InputError(
                "Photographs of their own size cannot share a batch. Ask for views of (height, "
                f"width, 1), or set `is_fitted` to False. Received {self.views!r:.80}."
            )
        if self.objects_per_image < 1:
            raise InputError(
                f"`objects_per_image` must be 1 or more. Received {self.objects_per_image!r}."
            )

    def seen_in(self, view: tuple[int, int, int]) -> ClickInput:
        """The same with one view of (height, width, photographs), the same for all photographs."""
        if not self.is_fitted:
            return replace(self, views=(view,))
        augmentation = replace(self.augmentation, is_fitted=False)
        return replace(self, views=(view,), augmentation=augmentation)

    @property
    def is_fitted(self) -> bool:
        """Whether views have the photographs' own sizes."""
        return isinstance(self.augmentation, WholePhotographConfig) and self.augmentation.is_fitted


# The TSLFN (paper §3.3): whole photographs at their own size, one at a time.
TSLFN_INPUT = ClickInput(
    DISTANCES,
    ((OWN_SIZE_LIMIT, OWN_SIZE_LIMIT, 1),),
    WholePhotographConfig(is_fitted=True),
    PaperClicksConfig(),
    are_objects_alike=True,
    min_object_share=0.0,
)
# The MSRN (paper §3.3): batches of three at 240 × 320.
MSRN_INPUT = ClickInput(
    DISTANCES,
    ((240, 320, 3),),
    PaperAugmentationConfig(),
    PaperClicksConfig(),
    are_objects_alike=True,
    min_object_share=0.0,
)
# The compact network. Several sizes, because zoom-in and working size show objects at any scale;
# fewer photographs where the views are larger, so that steps cost about the same.
COMPACT_INPUT = ClickInput(
    DISKS_AND_PREVIOUS,
    ((256, 256, 4), (320, 320, 3), (384, 384, 2)),
    AugmentationConfig(),
    SimulationConfig(),
    objects_per_image=2,
    merge_probability=0.1,
    area_exponent=0.5,
)
# The compact network on EfficientNet-Lite2. Views are those in which it looks later: the
# photograph, crops around a click, and boxes around the object.
COMPACT_LITE_INPUT = ClickInput(
    DISKS_AND_PREVIOUS,
    ((256, 256, 4), (224, 288, 4), (288, 224, 4), (320, 320, 3), (288, 384, 2), (384, 288, 2)),
    AugmentationConfig(zoom_probability=0.3, crop_probability=0.3, scale=(1.0, 1.4), tint=0.08),
    SimulationConfig(
        single_click_probability=0.68,
        start_mask_probability=0.05,
        rollouts=(0.35, 0.25, 0.2, 0.1, 0.1),
    ),
    objects_per_image=3,
    merge_probability=0.07,
    area_exponent=0.3,
    jitter_probability=0.3,
    paste_probability=0.2,
    hidden_areas=True,
)


@dataclass(frozen=True)
class Schedule:
    """How long a run is, and when it looks up from training.

    Attributes:
        steps: optimiser steps at most.
        validate_every: steps from one validation to the next.
        patience: validations in a row without a gain after which the run ends; None for never.
        checkpoint_every: steps from one checkpoint to the next; what a power cut costs at most.

    Raises:
        InputError: a number below 1.
    """

    steps: int
    validate_every: int
    patience: int | None
    checkpoint_every: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be 1 or more. Received {value!r}.")


@dataclass(frozen=True)
class PaperRecipe:
    """One stage of the paper's networks: SGD as Caffe does it, on a summed loss.

    Attributes:
        input: views and clicks.
        learning_rate: of the weights; it suits a loss that is summed over the pixels, and a network
            that starts from ImageNet's VGG16.
        schedule: see there.
        drops: steps, from 0 on, with which the learning rate becomes a tenth of what it was.
        nesterov: whether the momentum is Nesterov's.
        momentum, decay, bias_factor: see `optimizers.CaffeSGD`.

    Source: paper §3.3; what is marked † below, from its released files.
    """

    input: ClickInput
    learning_rate: float
    schedule: Schedule
    drops: tuple[int, ...] = ()
    nesterov: bool = False
    momentum: float = 0.99
    decay: float = 5e-4
    bias_factor: float = 2.0


# Stride → its stage of the TSLFN. The rates of 32s and 8s are †; that of 16s is nowhere given and
# lies between. The steps of 16s and 8s are seen in the names of released files †; 32s has as many
# as 16s. Validated every 1000 steps, for the weights that are kept.
TSLFN_STAGES = {
    32: PaperRecipe(TSLFN_INPUT, 1e-10, Schedule(300_000, 1000, None, 1000)),
    16: PaperRecipe(TSLFN_INPUT, 1e-12, Schedule(300_000, 1000, None, 1000)),
    8: PaperRecipe(TSLFN_INPUT, 1e-14, Schedule(950_000, 1000, None, 1000)),
}
# Rate, drops and Nesterov's momentum: †. After two drops 10,000 steps are left. The MSRN alone ends
# early, after several validations without a gain (§3.3): five here.
MSRN_STAGE = PaperRecipe(
    MSRN_INPUT, 1e-8, Schedule(30_000, 1000, 5, 1000), drops=(10_000, 20_000), nesterov=True
)


# What the practical recipe shows the paper's networks.
PRACTICAL_CLICKS = SimulationConfig(single_click_probability=0.5, rollouts=(0.2, 0.3, 0.25, 0.25))
PRACTICAL_INPUT = ClickInput(
    DISTANCES,
    ((160, 160, 3),),
    AugmentationConfig(),
    PRACTICAL_CLICKS,
    objects_per_image=2,
    merge_probability=0.05,
    area_exponent=0.25,
    jitter_probability=0.3,
)
# Photographs of about 500 pixels at about their own scale.
PRACTICAL_CLOSE_INPUT = replace(PRACTICAL_INPUT, augmentation=AugmentationConfig(scale=(1.2, 2.2)))


@dataclass(frozen=True)
class PracticalRecipe:
    """A stage of the paper's networks that reaches something in hours, not in a million steps.

    A mean focal loss, AdamW, VGG16's layers at a lower rate and the lower ones of the image stream
    as they are, several click sets of a photograph so that its stream runs once for them, clicks on
    the network's own errors, the moving average of the weights.

    Attributes:
        input: views and clicks; its `clicks.rollouts` are the clicks on the network's own errors.
        schedule: the rate falls along a cosine over all its steps.
        learning_rate: at its highest (AdamW), of the layers that start at random.
        learns: "tslfn" for the network without an MSRN, "msrn" for the MSRN alone.
        working_size: longer side at which the network sees photographs afterwards, in pixels.
        end_share: the last rate over the highest.
        warmup: steps in which the rate rises.
        vgg16_factor: rate of VGG16's convolutions over `learning_rate`; fc6's is always a half.
        interaction_factor: that of the interaction stream's, which ImageNet has taught nothing
            about clicks; of SSFCN, that of the half of conv1_1 that reads them.
        pool4_factor, pool3_factor: rates of the scores on these, whose activations are tens to
            hundreds (Long et al. 2015 scale them, too: "at once").
        frozen_blocks: of the image stream, which stay as ImageNet left them.
        click_gain: how much larger than the mean over RGB the interaction stream's first kernel
            starts: with 1 that stream is a tenth as strong as the image stream at block4_pool. For
            negative clicks it starts negated. The paper starts with the same kernel for both: the
            stream then sees the sum of the two maps, and thousands of steps are too few to learn
            to tell them apart.
        dropout: of fc6 and fc7 (paper: 0.5).
        refining_dropout: of the MSRN's layers (paper: 0.5). They start by passing the score on,
            from which each dropout would take a part.
        weight_decay: AdamW's, not on biases and BatchNorm.
        clip_norm: the longest gradient. Theirs are hundreds of times longer, so it sets their
            length, and no photograph pulls more than another.
        iou_weight: weight of the soft IoU loss beside the normalised focal loss.
        average_decay: of the moving average of the weights, which is the result.
        statistics_batches: batches over which BatchNorm's statistics are collected for the result.

    Source: none; the choices were made here, on validation.
    """

    input: ClickInput
    schedule: Schedule
    learning_rate: float = 1e-4
    learns: Literal["tslfn", "msrn"] = "tslfn"
    working_size: int = 416
    end_share: float = 1.0
    warmup: int = 50
    vgg16_factor: float = 0.2
    interaction_factor: float = 1.0
    pool4_factor: float = 0.02
    pool3_factor: float = 0.004
    frozen_blocks: int = 3
    click_gain: float = 2.0
    dropout: float = 0.25
    refining_dropout: float = 0.0
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    iou_weight: float = 0.5
    average_decay: float = 0.997
    statistics_batches: int = 50


def _practical(
    views: tuple[tuple[int, int, int], ...],
    steps: int,
    source: ClickInput = PRACTICAL_INPUT,
    **changes: Any,
) -> PracticalRecipe:
    schedule = Schedule(steps, 500, None, 100)
    return PracticalRecipe(replace(source, views=views), schedule, **changes)


# Small views first: a step costs in proportion to their area. (Name, recipe) in order; the MSRN's
# is for FCTSFN alone, and leaves the TSLFN as it is.
PRACTICAL_STAGES = {
    "views_128": _practical(((128, 160, 4), (160, 128, 4), (128, 128, 5)), 1000),
    "views_224": _practical(((192, 256, 2), (256, 192, 2), (224, 224, 2)), 1000, end_share=0.2),
    "views_320": _practical(
        ((256, 352, 1), (352, 256, 1), (320, 320, 1)),
        500,
        PRACTICAL_CLOSE_INPUT,
        learning_rate=3e-5,
        end_share=0.2,
    ),
    "msrn_224": _practical(
        ((192, 256, 2), (256, 192, 2), (224, 224, 2)),
        500,
        PRACTICAL_CLOSE_INPUT,
        learns="msrn",
        learning_rate=3e-4,
        end_share=0.05,
    ),
}


@dataclass(frozen=True)
class CompactRecipe:
    """The recipe of the compact network.

    Attributes:
        input: views and clicks; its `clicks.rollouts` are the clicks on the network's own errors.
        schedule: the learning rate follows a cosine down to zero over all its steps.
        learning_rate: at its highest (AdamW).
        backbone_factor: learning rate of the backbone's kernels over that of the rest (RITM: 0.1);
            0 leaves the backbone as it is. Its BatchNorm stays in inference mode either way.
        warmup_share: of the steps, in which the rate rises to its highest.
        weight_decay: AdamW's, not on biases and BatchNorm.
        clip_norm: the longest gradient.
        coarse_weight: weight of the loss on the score at 1/8.
        iou_weight: weight of the soft IoU loss beside the normalised focal loss.
        average_decay: of the moving average of the weights, which is the result.
        statistics_batches: batches over which BatchNorm's statistics are collected for the result.
    """

    input: ClickInput = COMPACT_INPUT
    schedule: Schedule = Schedule(5600, 700, None, 250)
    learning_rate: float = 1e-3
    backbone_factor: float = 0.1
    warmup_share: float = 300 / 5600
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    coarse_weight: float = 0.3
    iou_weight: float = 0.5
    average_decay: float = 0.998
    statistics_batches: int = 100


@dataclass(frozen=True)
class CompactLiteRecipe(CompactRecipe):
    """The recipe of the compact network on EfficientNet-Lite2.

    Attributes:
        candidate_weight: of the loss of the best candidate for a first click, beside the answer's.
        predicted_iou_weight: of the squared error of the predicted IoU.
        others: see `CompactRecipe`.
    """

    input: ClickInput = COMPACT_LITE_INPUT
    candidate_weight: float = 1.0
    predicted_iou_weight: float = 1.0
