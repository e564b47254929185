"""What every network is: it leaves out ignored pixels, knows what built it, and computes alike
whatever keras.json says."""

import keras
import numpy as np
import pytest
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.click_network import ClickNetwork
from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, TSLFNMinus
from fctsfn_tf.networks.targets import IGNORED, without_ignored
from fctsfn_tf.networks.weight_files import load_variables, save_variables
from fctsfn_tf.training.losses import SoftIoULoss, SummedCrossEntropy
from fctsfn_tf.training.streaming_metrics import MaskIoU

ALPHA = 1 / 64
SIZE = (32, 64)
LOGITS_LOSS = keras.losses.BinaryCrossentropy(from_logits=True)


def noisy(network):
    """The network with weights that let its answer vary."""
    rng = np.random.default_rng(3)
    network.set_weights([rng.normal(0, 0.3, w.shape) for w in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def network():
    return noisy(TSLFN(32, alpha=ALPHA))


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    return {
        "image": rng.uniform(0, 255, (2, *SIZE, 3)).astype("float32"),
        "click_maps": rng.uniform(0, 255, (2, *SIZE, 2)).astype("float32"),
    }


@pytest.fixture(scope="module")
def target():
    """Objects, background, and a part that is ignored."""
    target = np.zeros((2, *SIZE, 1), "float32")
    target[0, 5:20, 10:40], target[1, 8:30, 3:20] = 1, 1
    target[0, :, 30:], target[1, 20:] = IGNORED, IGNORED
    return target


def loss_of(network, inputs, target, **options):
    return network.evaluate(inputs, target, verbose=0, return_dict=True, **options)["loss"]


def logits_of(network, inputs):
    tensors = {name: ops.convert_to_tensor(array) for name, array in inputs.items()}
    return ops.convert_to_numpy(network(tensors, training=False))


def cross_entropy(logits, target):
    return np.logaddexp(0, np.where(target > 0.5, -logits, logits))


# ---- Ignored pixels ----------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [LOGITS_LOSS, "mse"], ids=["cross_entropy", "mse"])
def test_losses_of_keras_leave_out_ignored_pixels(network, inputs, target, loss):
    network.compile("sgd", loss)
    valid = target != IGNORED
    logits = logits_of(network, inputs)
    each = (logits - target) ** 2 if loss == "mse" else cross_entropy(logits, target)
    expected = np.mean(each * valid)
    assert loss_of(network, inputs, target) == pytest.approx(expected, rel=1e-4)
    weights = {"sample_weight": np.float32(valid)}
    with_weights = loss_of(network, inputs, np.where(valid, target, 0), **weights)
    assert with_weights == pytest.approx(expected, rel=1e-4)


def test_the_gradient_of_an_ignored_pixel_is_nothing(inputs, target):
    networks = [noisy(TSLFN(32, alpha=ALPHA)) for _ in range(2)]
    for number, one in enumerate(networks):
        for layer in one.layers:
            layer.trainable = layer.name == "score"  # without dropout, and without its sums
        one.compile(keras.optimizers.SGD(1e-3), LOGITS_LOSS)
        changed = np.where(target == IGNORED, IGNORED, target)
        weights = np.float32(target != IGNORED)
        if number:  # ignored by weight, whatever stands in the target
            changed = np.where(target == IGNORED, 1.0, target)
        one.train_on_batch(inputs, changed, sample_weight=weights if number else None)
    for one, other in zip(*(n.get_layer("score").get_weights() for n in networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", [SummedCrossEntropy(), SoftIoULoss()], ids=["sum", "iou"])
def test_our_losses_take_weights_that_mark_ignored_pixels(network, inputs, target, loss):
    network.compile("sgd", loss, metrics=[MaskIoU()])
    expected = network.evaluate(inputs, target, verbose=0)
    valid = target != IGNORED
    found = network.evaluate(
        inputs, np.where(valid, target, 0), sample_weight=np.float32(valid), verbose=0
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    logits = ops.convert_to_tensor(logits_of(network, inputs))
    by_hand = np.mean(ops.convert_to_numpy(loss.call(ops.convert_to_tensor(target), logits)))
    assert expected[0] == pytest.approx(by_hand, rel=1e-4)


def test_metrics_of_keras_count_sure_pixels_alone(network, inputs, target):
    mask = logits_of(network, inputs) > 0
    valid = target != IGNORED
    accuracy = keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")
    network.compile("sgd", SummedCrossEntropy(), metrics=[accuracy, MaskIoU()])
    found = network.evaluate(inputs, target, verbose=0, return_dict=True)
    right = (mask == (target == 1)) & valid
    assert found["accuracy"] == pytest.approx(right.sum() / valid.sum(), abs=1e-5)
    ious = [
        (m & t & v).sum() / ((m | t) & v).sum()
        for m, t, v in zip(mask, target == 1, valid, strict=True)
    ]
    assert found["iou"] == pytest.approx(np.mean(ious), abs=1e-5)


def test_weights_of_the_objects_count_as_well(target):
    _, weights = without_ignored(ops.convert_to_tensor(target), np.array([2.0, 0.5]))
    weights = ops.convert_to_numpy(weights)
    np.testing.assert_array_equal(np.unique(weights[0]), [0, 2])
    np.testing.assert_array_equal(np.unique(weights[1]), [0, 0.5])
    np.testing.assert_array_equal(weights == 0, target == IGNORED)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("binary_crossentropy", "logits, not probabilities"),
        (keras.losses.BinaryCrossentropy(), "logits, not probabilities"),
        (keras.losses.BinaryFocalCrossentropy(), "logits, not probabilities"),
        (keras.losses.Dice(), "a number for each pixel"),
        (keras.losses.Tversky(), "a number for each pixel"),
    ],
)
def test_losses_that_would_mislead_are_refused(network, loss, message):
    with pytest.raises(InputError, match=message) as caught:
        network.compile("sgd", loss)
    assert "\n" not in str(caught.value)


def test_a_loss_of_ones_own_may_leave_them_out_itself(network, inputs, target):
    class Own(keras.losses.Loss):
        leaves_out_ignored = True

        def call(self, y_true, y_pred):
            return ops.sum(ops.cast(y_true == IGNORED, "float32"), (1, 2, 3))

    network.compile("sgd", Own())
    expected = (target == IGNORED).sum() / 2
    assert loss_of(network, inputs, target) == pytest.approx(expected)


# ---- What built it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "builder", "arguments"),
    [
        (
            FCTSFN,
            "FCTSFN",
            {"backbone": "vgg16", "alpha": ALPHA, "name": "mine", "fc_filters": 4096},
        ),
        (SSFCN, "SSFCN", {"stride": 8, "alpha": ALPHA, "name": "mine", "fc_filters": 4096}),
        (
            TSLFN,
            "TSLFN",
            {"stride": 8, "depth": 4, "alpha": ALPHA, "name": "mine", "fc_filters": 4096},
        ),
        (
            TSLFNMinus,
            "TSLFNMinus",
            {"stride": 32, "alpha": ALPHA, "name": "mine", "fc_filters": 4096},
        ),
    ],
    ids=["FCTSFN", "SSFCN", "TSLFN", "TSLFNMinus"],
)
def test_a_network_knows_what_built_it(build, builder, arguments):
    network = build(alpha=ALPHA, name="mine", input_shape=(64, 96, 3))
    assert isinstance(network, ClickNetwork)
    assert network.built_by == {"builder": builder, "arguments": arguments}


def test_the_compact_network_is_built_by_its_own_function_and_shows_its_sizes():
    network = FCTSFN("mobilenet_v2", alpha=0.35, input_shape=(90, 120, 3))
    assert network.built_by["builder"] == "compact_network"
    assert network.built_by["arguments"]["alpha"] == 0.35
    assert all(None not in layer.output.shape[1:] for layer in network.layers)


def test_a_saved_network_knows_it_too(tmp_path):
    network = TSLFN(32, alpha=ALPHA)
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert type(again) is ClickNetwork
    assert again.built_by == network.built_by


# ---- Whatever keras.json says ------------------------------------------------------------------


@pytest.fixture
def keras_settings():
    """Puts Keras' settings back."""
    before = keras.config.floatx(), keras.config.image_data_format(), keras.config.dtype_policy()
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_image_data_format(before[1])
    keras.config.set_dtype_policy(before[2])


@pytest.mark.parametrize("floatx", ["float16", "float32", "float64"])
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_networks_are_float32_and_channels_last(
    network, inputs, keras_settings, tmp_path, floatx, data_format
):
    save_variables(network, tmp_path / "weights.npz", "float32")
    expected = logits_of(network, inputs)
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(floatx)
    keras.config.set_image_data_format(data_format)
    other = TSLFN(32, alpha=ALPHA)
    load_variables(other, tmp_path / "weights.npz")
    found = logits_of(other, inputs)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert keras.config.floatx() == floatx
    assert keras.config.image_data_format() == data_format
    assert keras.config.dtype_policy().name == floatx


def test_a_policy_that_was_chosen_stays(keras_settings):
    keras.mixed_precision.set_global_policy("mixed_float16")
    network = TSLFN(32, alpha=ALPHA)
    assert network.get_layer("block1_conv1_image").compute_dtype == "float16"
    assert network.get_layer("block1_conv1_image").variable_dtype == "float32"


def test_training_in_a_floatx_of_half_precision_is_refused(network, keras_settings):
    keras.config.set_floatx("float16")
    with pytest.raises(InputError, match="floatx must be float32 to train"):
        network.compile("sgd", SummedCrossEntropy())


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's XLA")
def test_xla_is_for_accelerators(network):
    import tensorflow as tf

    network.compile("sgd", SummedCrossEntropy())
    assert network.jit_compile is bool(tf.config.list_physical_devices("GPU"))


# ---- Sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [FCTSFN, SSFCN, TSLFNMinus])
def test_sizes_are_shown_where_the_input_shape_is_given(build):
    network = build(alpha=ALPHA, input_shape=(90, 120, 3))
    assert network.output.shape == (None, 90, 120, 1)
    assert all(None not in layer.output.shape[1:] for layer in network.layers)
    assert any(layer.output.shape[1:3] == (96, 128) for layer in network.layers)
    lines = []
    network.summary(line_length=160, print_fn=lambda text, line_break=False: lines.append(text))
    assert "(None, 90, 120, 1)" in "".join(lines)


@pytest.mark.parametrize("shape", [(90, 120), (90, 120, 1), (90, 0, 3), (3, 90, 120), "90"])
def test_another_input_shape_is_refused(shape):
    with pytest.raises(InputError, match=r"must be \(height, width, 3\)"):
        TSLFN(32, alpha=ALPHA, input_shape=shape)
