"""Other tools that segment from clicks, to be timed beside the networks: what PyPI installs.

Each peer is given a photograph and clicks and returns what to time: the work on the photograph
alone (None where there is none) and the work on the last click. Accuracy is another question, see
`runner`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.baselines import BASELINES
from fctsfn_tf.evaluation.baselines.rw import DEFAULT_PARAMETERS
from fctsfn_tf.evaluation.baselines.seeds import SEED_RADIUS, seeds_from_clicks, with_background

# What SAM works at, whatever the photograph's size.
SAM_SIZE = 1024


class Work(NamedTuple):
    """What one peer does.

    Attributes:
        encode: the work on a photograph; None where nothing is done before a click.
        click: the work on a click.
        parameters: numbers of its weights, or None.
        before_click: not timed, once before each `click`: for a peer that keeps work from click to
            click, and would have nothing left to do when it is asked again.
    """

    encode: Callable[[], object] | None
    click: Callable[[], object]
    parameters: int | None = None
    before_click: Callable[[], object] | None = None


def made_up_photograph(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth coloured regions with a little noise, (H, W, 3) uint8: pure noise is no fair input for
    methods that look for edges."""
    small = rng.uniform(0, 255, (6, 8, 3)).astype(np.float32)
    regions = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    regions = np.round(regions / 48) * 48
    return (regions + rng.normal(0, 6, regions.shape)).clip(0, 255).astype(np.uint8)


def made_up_clicks(height: int, width: int, count: int) -> tuple[Click, ...]:
    """`count` clicks, of both signs in turns, spread over the photograph."""
    rows = np.linspace(0.5, 0.1, count) * height
    cols = np.linspace(0.5, 0.9, count) * width
    return tuple(
        Click(int(row), int(col), index % 2 == 0)
        for index, (row, col) in enumerate(zip(rows, cols, strict=True))
    )


def _baseline(name: str) -> Callable[[np.ndarray, Sequence[Click]], Work]:
    def make(image: np.ndarray, clicks: Sequence[Click]) -> Work:
        def before_click() -> np.ndarray:
            return BASELINES[name](image, tuple(clicks[:-1]), None)

        previous = before_click()
        return Work(
            None,
            lambda: BASELINES[name](image, tuple(clicks), previous),
            before_click=before_click,
        )

    return make


def _scikit_image_walker(image: np.ndarray, clicks: Sequence[Click]) -> Work:
    try:
        from skimage.segmentation import random_walker
    except ImportError:
        raise InputError("scikit-image is not installed") from None
    seeds = with_background(seeds_from_clicks(image, clicks, SEED_RADIUS))
    labels = np.select([seeds > 0, seeds < 0], [1, 2], 0)
    return Work(
        None,
        lambda: random_walker(
            image / 255.0,
            labels,
            beta=DEFAULT_PARAMETERS.beta,
            mode="cg_j",
            return_full_prob=True,
            channel_axis=-1,
        ),
    )


def sam_backbone() -> Any:
    """KerasHub's SAM of the size "base", with random weights: for its cost that is the same.

    Raises:
        InputError: KerasHub is not installed.
    """
    try:
        from keras_hub.layers import SAMMaskDecoder, SAMPromptEncoder
        from keras_hub.models import SAMBackbone, ViTDetBackbone
    except ImportError:
        raise InputError("keras-hub is not installed") from None
    encoder = ViTDetBackbone(
        hidden_size=768,
        num_layers=12,
        intermediate_dim=3072,
        num_heads=12,
        global_attention_layer_indices=[2, 5, 8, 11],
        patch_size=16,
        num_output_channels=256,
        window_size=14,
        image_shape=(SAM_SIZE, SAM_SIZE, 3),
    )
    return SAMBackbone(
        image_encoder=encoder,
        prompt_encoder=SAMPromptEncoder(
            hidden_size=256,
            image_embedding_size=(64, 64),
            input_image_size=(SAM_SIZE, SAM_SIZE),
            mask_in_channels=16,
        ),
        mask_decoder=SAMMaskDecoder(
            num_layers=2,
            hidden_size=256,
            intermediate_dim=2048,
            num_heads=8,
            embedding_dim=256,
            num_multimask_outputs=3,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
    )


def _sam(image: np.ndarray, clicks: Sequence[Click]) -> Work:
    backbone = sam_backbone()
    encoder = backbone.image_encoder
    scale = SAM_SIZE / max(image.shape[:2])
    points = np.array([[(click.col * scale, click.row * scale) for click in clicks]], np.float32)
    labels = np.array([[float(click.is_positive) for click in clicks]], np.float32)
    pixels = cv2.resize(image, (SAM_SIZE, SAM_SIZE)).astype(np.float32)[None]
    features = encoder(pixels)

    def click() -> object:
        prompt = backbone.prompt_encoder(
            points=points,
            labels=labels,
            boxes=np.zeros((1, 0, 2, 2), np.float32),
            masks=np.zeros((1, 0, 256, 256, 1), np.float32),
        )
        return backbone.mask_decoder(
            features,
            prompt["prompt_dense_positional_embeddings"],
            prompt["prompt_sparse_embeddings"],
            prompt["prompt_dense_embeddings"],
        )

    return Work(lambda: encoder(pixels), click, backbone.count_params())


# Each raises InputError where its library is not installed.
PEERS: dict[str, Callable[[np.ndarray, Sequence[Click]], Work]] = {
    "OpenCV GrabCut": _baseline("grabcut"),
    "random walker, scikit-image": _scikit_image_walker,
    "random walker, dissection": _baseline("rw"),
    "graph cut": _baseline("gc"),
    "SAM ViT-B, KerasHub": _sam,
}
