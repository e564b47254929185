"""A network as the two parts that other runtimes run: dictionaries by name, BatchNorm folded in.

Both parts take a batch of one, and any height and width that are multiples of 32.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import keras

from fctsfn_tf.networks.encode_once import split
from fctsfn_tf.networks.folding import fold

# What a click part gives, in the order of the outputs; most networks have the first alone.
CLICK_OUTPUTS = ("logits", "candidates", "predicted_iou")


class Parts(NamedTuple):
    """A network ready for export; inputs and outputs are dictionaries by name.

    Attributes:
        image: {"image": (1, H, W, 3)} → {name: features}.
        click: {name: features, "click_maps": (1, H, W, C)} → {"logits": (1, H, W, 1)}, and of a
            network that has them also "candidates" (1, H, W, n) and "predicted_iou" (1, 1 + n),
            logits all of them.
        features: the names in the order of `encode_once.split`.
    """

    image: keras.Model
    click: keras.Model
    features: tuple[str, ...]


def export_parts(model: keras.Model) -> Parts:
    """The two parts of a network for export, from its present weights.

    Raises:
        InputError: see `encode_once.split`.
    """
    image_part, click_part = split(fold(model))
    *features, _ = names = [tensor.name for tensor in click_part.inputs]
    image = keras.Model(
        {"image": image_part.inputs[0]},
        dict(zip(features, image_part.outputs, strict=True)),
        name="image_part",
    )
    click = keras.Model(
        dict(zip(names, click_part.inputs, strict=True)),
        dict(zip(CLICK_OUTPUTS, click_part.outputs, strict=False)),
        name="click_part",
    )
    return Parts(image, click, tuple(features))


def write_part(part: keras.Model, target: Path, form: str) -> None:
    """Write one of `Parts` with Keras, on TensorFlow.

    Args:
        target: the file or directory to be made.
        form: "litert", "onnx" or "tf_saved_model".
    """
    signature = [
        {
            key: keras.InputSpec(shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=key)
            for key, tensor in part.input.items()
        }
    ]
    part.export(target, format=form, input_signature=signature, verbose=False)
