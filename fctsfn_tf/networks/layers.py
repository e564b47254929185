"""The few layers that Keras does not have; all work on every Keras backend."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class MeanSubtraction(keras.layers.Layer):
    """Subtracts a constant per channel, after reversing the channels where asked (RGB → BGR).

    Args:
        mean: one number per channel, in the order after the reversal.
        reverse_channels: True to turn RGB into the BGR that Caffe's VGG16 was trained on.
    """

    def __init__(self, mean: Sequence[float], reverse_channels: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.mean = tuple(float(value) for value in mean)
        self.reverse_channels = reverse_channels

    def call(self, inputs):
        if self.reverse_channels:
            inputs = ops.flip(inputs, axis=-1)
        return inputs - ops.convert_to_tensor(self.mean, dtype=inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "mean": list(self.mean),
            "reverse_channels": self.reverse_channels,
        }


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class PadToMultiple(keras.layers.Layer):
    """Pads below and to the right with zeros until height and width are multiples of `multiple`.

    Placed after `MeanSubtraction`, so zero is the mean. `CropLike` undoes it at the output.
    """

    def __init__(self, multiple: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, inputs):
        shape = ops.shape(inputs)
        rows, cols = -shape[1] % self.multiple, -shape[2] % self.multiple
        return ops.pad(inputs, [[0, 0], [0, rows], [0, cols], [0, 0]])

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, self._padded(height), self._padded(width), channels)

    def _padded(self, size):
        return None if size is None else size + -size % self.multiple

    def get_config(self):
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class CropLike(keras.layers.Layer):
    """Crops the first input to the height and width of the second, from the top left corner."""

    def call(self, inputs):
        tensor, reference = inputs
        shape = ops.shape(reference)
        return tensor[:, : shape[1], : shape[2], :]

    def compute_output_shape(self, input_shape):
        tensor, reference = input_shape
        return (tensor[0], reference[1], reference[2], tensor[3])


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class BilinearUpsampling(keras.layers.Layer):
    """Bilinear upsampling by a whole factor, without weights.

    Inside the image this equals the paper's transposed convolution with fixed bilinear kernels of
    size 2s and stride s. Within s/2 pixels of the border that one fades to zero while this one
    repeats the border pixel; Caffe never shows that rim, because it pads by 100 and crops.
    """

    def __init__(self, factor: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        if keras.backend.backend() == "tensorflow":
            # keras.ops.image.resize cannot be exported with a symbolic size (Keras 3.14, 3.15).
            import tensorflow as tf

            size = tf.shape(inputs)[1:3] * self.factor
            return tf.cast(tf.image.resize(inputs, size), inputs.dtype)
        _, height, width, _ = inputs.shape
        size = (height * self.factor, width * self.factor)
        # Whatever keras.json says of the order of axes.
        return ops.image.resize(inputs, size, "bilinear", data_format="channels_last")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (
            batch,
            None if height is None else height * self.factor,
            None if width is None else width * self.factor,
            channels,
        )

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class RepeatBatch(keras.layers.Layer):
    """Each element of the batch `times` times in a row: (B, …) → (B·times, …).

    In training several clicked objects share one run of the image part.
    """

    def __init__(self, times: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.times = times

    def call(self, inputs):
        return ops.repeat(inputs, self.times, axis=0)

    def compute_output_shape(self, input_shape):
        batch, *rest = input_shape
        return (None if batch is None else batch * self.times, *rest)

    def get_config(self):
        return {**super().get_config(), "times": self.times}


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class ForegroundLogit(keras.layers.Layer):
    """Scores of two classes → the logit of the second: (…, 2) → (…, 1).

    Channel 0 is the background, channel 1 the foreground. The sigmoid of the difference equals the
    paper's softmax, and binary cross-entropy on it equals softmax cross-entropy on the scores.
    """

    def call(self, inputs):
        return inputs[..., 1:] - inputs[..., :1]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class FreezableDropout(keras.layers.Dropout):
    """Dropout that is off while the layer is not trainable, as Keras' BatchNormalization is.

    So frozen layers compute in training what they compute in use, and learn as before afterwards.
    """

    def call(self, inputs, training=False):
        return super().call(inputs, training=training and self.trainable)
