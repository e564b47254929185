import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage, special

from fctsfn_tf.networks.layers import (
    BilinearUpsampling,
    CropLike,
    ForegroundLogit,
    FreezableDropout,
    MeanSubtraction,
    PadToMultiple,
    RepeatBatch,
)


def run(layer, *arrays):
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    return ops.convert_to_numpy(layer(tensors if len(tensors) > 1 else tensors[0]))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_mean_subtraction_turns_rgb_into_bgr():
    image = np.array([[[[10.0, 20.0, 30.0]]]], np.float32)  # red 10, green 20, blue 30
    result = run(MeanSubtraction((1, 2, 3), reverse_channels=True), image)
    np.testing.assert_array_equal(result, [[[[29.0, 18.0, 7.0]]]])


def test_mean_subtraction_keeps_the_order_unasked():
    maps = np.array([[[[255.0, 0.0]]]], np.float32)
    np.testing.assert_array_equal(run(MeanSubtraction((166.0, 147.0)), maps), [[[[89.0, -147.0]]]])


@pytest.mark.parametrize(("height", "width"), [(1, 33), (32, 64), (31, 65)])
def test_padding_goes_below_and_right_and_crop_undoes_it(rng, height, width):
    x = rng.normal(size=(2, height, width, 3)).astype("float32")
    padded = run(PadToMultiple(32), x)
    assert padded.shape == (2, -(-height // 32) * 32, -(-width // 32) * 32, 3)
    np.testing.assert_array_equal(padded[:, :height, :width], x)
    assert not padded[:, height:].any()
    assert not padded[:, :, width:].any()
    np.testing.assert_array_equal(run(CropLike(), padded, x[..., :1]), x)


@pytest.mark.parametrize("factor", [1, 2, 4, 8, 16, 32])
def test_upsampling_equals_scipy(rng, factor):
    x = rng.normal(size=(1, 3, 5, 2)).astype("float32")
    expected = ndimage.zoom(x, (1, factor, factor, 1), order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(run(BilinearUpsampling(factor), x), expected, atol=1e-5)


@pytest.mark.parametrize("factor", [2, 8])
def test_upsampling_is_the_papers_transposed_convolution_inside(rng, factor):
    """Transposed convolution of kernel 2s and stride s, added up tap by tap."""
    x = rng.normal(size=(4, 6)).astype("float32")
    taps = 1 - np.abs(np.arange(2 * factor) - (factor - 0.5)) / factor
    full = np.zeros(((4 + 1) * factor, (6 + 1) * factor))
    for row in range(4):
        for col in range(6):
            rows, cols = slice(row * factor, (row + 2) * factor), slice(col * factor, None)
            full[rows, cols][:, : 2 * factor] += x[row, col] * np.outer(taps, taps)
    half = factor // 2
    transposed = full[half:-half, half:-half]
    result = run(BilinearUpsampling(factor), x[None, :, :, None])[0, :, :, 0]
    inside = (slice(half, -half), slice(half, -half))
    np.testing.assert_allclose(result[inside], transposed[inside], atol=1e-5)


def test_foreground_logit_is_the_softmax(rng):
    scores = rng.normal(size=(1, 3, 4, 2)).astype("float32")
    logits = run(ForegroundLogit(), scores)
    assert logits.shape == (1, 3, 4, 1)
    foreground = special.softmax(scores, axis=-1)[..., 1:]
    np.testing.assert_allclose(special.expit(logits), foreground, atol=1e-6)


def test_repeat_batch_keeps_neighbours_together(rng):
    x = rng.normal(size=(2, 3, 4, 1)).astype("float32")
    np.testing.assert_array_equal(run(RepeatBatch(3), x), x[[0, 0, 0, 1, 1, 1]])


def network(size):
    """Every layer in one network, of a fixed or an open size."""
    image = keras.Input((*size, 3), name="image")
    x = MeanSubtraction((1, 2, 3), reverse_channels=True)(image)
    x = PadToMultiple(8)(x)
    x = keras.layers.Conv2D(2, 3, strides=4, padding="same")(x)
    x = BilinearUpsampling(4)(x)
    x = CropLike()([x, image])
    return keras.Model(image, RepeatBatch(2)(ForegroundLogit()(x)))


def test_symbolic_shapes():
    assert network((None, None)).output_shape == (None, None, None, 1)
    assert network((13, 21)).output_shape == (None, 13, 21, 1)


def test_layers_survive_saving_and_any_size(tmp_path, rng):
    model = network((None, None))
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    for height, width in ((13, 21), (8, 16), (1, 30)):
        image = rng.uniform(0, 255, (1, height, width, 3)).astype("float32")
        expected = model.predict(image, verbose=0)
        assert expected.shape == (2, height, width, 1)
        np.testing.assert_allclose(loaded.predict(image, verbose=0), expected, atol=1e-5)


def test_dropout_is_off_while_it_is_frozen_and_only_then():
    ones = ops.ones((1, 8, 9, 10))
    layer = FreezableDropout(0.5)

    def dropped(training):
        return bool((ops.convert_to_numpy(layer(ones, training=training)) == 0).any())

    assert dropped(training=True)
    assert not dropped(training=False)
    layer.trainable = False
    assert not dropped(training=True)
    layer = FreezableDropout.from_config(layer.get_config())
    assert layer.rate == 0.5
    assert not dropped(training=True)
    layer.trainable = True
    assert dropped(training=True)
