"""Any network → its image part (once per image) and its click part (once per click).

The image stream never sees a click, so what it computes is kept while a person clicks. Both parts
share every variable with the whole network: train or load any of the three, the others follow.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

import keras

from fctsfn_tf.errors import InputError

# Identity layers with this prefix, `image_features_<what>`, mark what crosses from the image part
# to the click part.
IMAGE_FEATURES_PREFIX = "image_features_"


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class ImagePart(keras.Model):
    """image → list of feature tensors, also where there is one: keras.Model would unpack it."""

    def call(self, inputs, training=None, mask=None):  # noqa: ANN001, ANN201 (Keras' signature)
        features = super().call(inputs, training=training, mask=mask)
        return features if isinstance(features, list) else [features]


# Model → its image part and click part, and → the same compiled. They are made once per model,
# because each time a part is made, the layers it shares remember one more call; and they live as
# long as the model, to which they hold no reference.
_parts: weakref.WeakKeyDictionary[keras.Model, tuple[keras.Model, keras.Model]]
_parts = weakref.WeakKeyDictionary()
_compiled_parts: weakref.WeakKeyDictionary[keras.Model, tuple[Callable, Callable]]
_compiled_parts = weakref.WeakKeyDictionary()
_parts_lock = threading.RLock()


def split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The image part and the click part of a network, the same two at every call.

    Args:
        model: a network with inputs "image" (B, H, W, 3) and "click_maps" (B, H, W, C), as a list
            of inputs of these names or as a dictionary, whose crossing tensors pass through
            `keras.layers.Identity` layers named `image_features_<what>`.

    Returns:
        image_part: image → list of feature tensors, in the order of the names of their layers:
            alphabetical, but runs of digits count as numbers (`bottleneck2`, `bottleneck10`,
            `conv5_1`). So the order is the same however the network was built, read or folded.
        click_part: [*features, click_maps] → what the whole network returns. Its inputs are named
            `features_<what>` and `click_maps`.

    Raises:
        InputError: the network has other inputs or no such layers, or something of the image
            reaches the output beside them.

    Examples:
        >>> from keras import ops
        >>> from fctsfn_tf import TSLFN, split
        >>> image_part, click_part = split(TSLFN(alpha=0.125))
        >>> features = image_part(ops.zeros((1, 64, 96, 3)))  # once per photograph
        >>> logits = click_part([*features, ops.full((1, 64, 96, 2), 255.0)])  # once per click
        >>> tuple(logits.shape)
        (1, 64, 96, 1)
    """
    with _parts_lock:
        if model not in _parts:
            _parts[model] = _split(model)
        return _parts[model]


def compiled_parts(model: keras.Model) -> tuple[Callable, Callable]:
    """The two parts of `split` as quick functions of tensors with a batch of one, any size.

    They are made once per model and may be called from many threads at once. Changed weights
    count from the next call on.

    Raises:
        InputError: see `split`.
    """
    with _parts_lock:
        if model not in _compiled_parts:
            image_part, click_part = split(model)
            _compiled_parts[model] = _compiled(image_part), _compiled(click_part)
        return _compiled_parts[model]


def named_inputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """The inputs of a network by name, whether it takes a list or a dictionary of them."""
    if isinstance(model.input, dict):
        return model.input
    return {tensor.name: tensor for tensor in model.inputs}


def _split(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    inputs = named_inputs(model)
    if set(inputs) != {"image", "click_maps"}:
        raise InputError(
            "A network to split must take the inputs {'image', 'click_maps'}. Build it with "
            f"fctsfn_tf.networks.fctsfn. Received '{model.name}' with inputs {list(inputs)}."
        )
    layers = image_feature_layers(model)
    features = [layer.output for layer in layers]
    try:
        image_part = ImagePart(inputs["image"], features, name=f"{model.name}_image_part")
        click_part = _click_part(model, layers)
    except ValueError as error:
        raise InputError(
            f"'{model.name}' cannot be cut at its '{IMAGE_FEATURES_PREFIX}…' layers: every path "
            "from the image to the output must pass one of them, and none may come from the "
            f"clicks. Move the layers. Keras says: {' '.join(str(error).split()):.200}"
        ) from None
    return image_part, click_part


def _click_part(model: keras.Model, layers: list[keras.layers.Identity]) -> keras.Model:
    """The network with a new input in the place of each of `layers`.

    The layers of `model` are called once more, on these inputs. keras.Model(tensors inside the
    network, output) would be shorter, but rewires the input `click_maps` of `model` itself, which
    then can no longer be saved (Keras 3.15).
    """
    features = {
        layer.name: keras.Input(
            batch_shape=layer.output.shape,
            dtype=layer.output.dtype,
            name=layer.name.removeprefix("image_"),
        )
        for layer in layers
    }

    def call_or_replace(layer: keras.layers.Layer, *args, **kwargs) -> keras.KerasTensor:
        return features[layer.name] if layer.name in features else layer(*args, **kwargs)

    inputs = [*model.inputs, *features.values()]
    graph = keras.models.clone_model(
        keras.Model(inputs, model.output),
        input_tensors=inputs,
        clone_function=lambda layer: layer,
        call_function=call_or_replace,
    )
    return keras.Model(
        [*features.values(), named_inputs(model)["click_maps"]],
        graph.output,
        name=f"{model.name}_click_part",
    )


def image_feature_layers(model: keras.Model) -> list[keras.layers.Identity]:
    """The layers at which `split` cuts, in its order.

    Raises:
        InputError: there are none, or one is no Identity.
    """
    layers = [layer for layer in model.layers if layer.name.startswith(IMAGE_FEATURES_PREFIX)]
    if not layers:
        raise InputError(
            f"'{model.name}' has no layer named '{IMAGE_FEATURES_PREFIX}<what>', so there is "
            "nowhere to cut it. Pass what crosses from the image to the clicks through "
            f"keras.layers.Identity layers of that name. Received {len(model.layers)} other layers."
        )
    for layer in layers:
        if not isinstance(layer, keras.layers.Identity):
            raise InputError(
                f"A layer named '{IMAGE_FEATURES_PREFIX}…' must be a keras.layers.Identity. Rename "
                f"or replace it. Received {type(layer).__name__} '{layer.name}'."
            )
    return sorted(layers, key=_words_and_numbers)


def _words_and_numbers(layer: keras.layers.Layer) -> list[str | int]:
    """A layer's name for sorting: every second part is a number, so that 2 is before 10.

    Earlier versions put a number in front, `image_features_<i>_<what>`; their order is kept.
    """
    parts = re.split(r"(\d+)", layer.name)
    return [int(part) if part.isdecimal() else part for part in parts]


def _compiled(part: keras.Model) -> Callable[[Any], Any]:
    """A network for repeated calls with a batch of 1 of any size, in inference mode.

    Keras' own `predict_on_batch` is not used: on TensorFlow it traces anew for each of the first
    sizes (2 s each; here 0.06 s), on JAX it writes the state back and so serves one thread, and it
    copies the features to the host and back.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        signature = keras.tree.map_structure(
            lambda tensor: tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype), part.input
        )
        return tf.function(lambda inputs: part(inputs, training=False), input_signature=[signature])
    if backend == "jax":
        import jax

        # Not `part.stateless_call`, which wants to know what is trainable: that may change.
        variables = part.variables

        @jax.jit
        def call(values, inputs):  # noqa: ANN001, ANN202 (nests of arrays)
            with keras.StatelessScope(zip(variables, values, strict=True)):
                return part(inputs, training=False)

        return lambda inputs: call([variable.value for variable in variables], inputs)
    import torch

    return torch.no_grad()(lambda inputs: part(inputs, training=False))
