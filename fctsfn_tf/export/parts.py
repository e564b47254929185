"""Where the parts of an export lie, and a network back with the weights that they store."""

from __future__ import annotations

from pathlib import Path

import keras

from fctsfn_tf.errors import InputError
from fctsfn_tf.export import tfjs_converter
from fctsfn_tf.files import printable
from fctsfn_tf.networks.folding import fold

# Format → the part's file, of which `{}` is "image" or "click".
FORMATS = {
    "tfjs": "{}/" + tfjs_converter.MODEL_FILE,
    "savedmodel": "{}/saved_model.pb",
    "onnx": "{}.onnx",
    "litert": "{}.tflite",
}


def with_stored_weights(model: keras.Model, directory: str | Path) -> keras.Model:
    """A network that computes on Keras with the weights that an export for TF.js stores.

    So what float16 and uint8 cost can be measured without a browser.

    Args:
        model: the exported network.
        directory: of an export that has been made from it with the format "tfjs".

    Raises:
        InputError: the export is one of another network.
    """
    stored = {}
    for name in ("image", "click"):
        stored |= tfjs_converter.read_weights(Path(directory) / FORMATS["tfjs"].format(name))
    network = fold(model)
    for layer in network.layers:
        for variable in layer.weights:
            # The graph's names carry a number where the layer was called before.
            names = (layer.name, *(f"{layer.name}_{number}" for number in range(1, 9)))
            keys = [(name, variable.name) for name in names]
            found = [stored[key] for key in keys if key in stored]
            if not found or found[0].shape != variable.shape:
                raise InputError(
                    f"{printable(directory)} must be an export of this network. Export it again. "
                    f"It has no {variable.name} {tuple(variable.shape)} of '{layer.name}'."
                )
            variable.assign(found[0])
    return network
