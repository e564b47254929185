import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.encode_once import split


def tiny_network(leak=False, features_from_clicks=False):
    """Two crossing tensors, one of them at half the size."""
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 2), name="click_maps")
    from_image = layers.Conv2D(4, 3, padding="same", name="from_image")(image)
    from_clicks = layers.Conv2D(4, 3, padding="same", name="from_clicks")(click_maps)
    pooled = layers.MaxPooling2D(name="pool")(from_image)
    coarse = layers.Identity(name="image_features_1_pool")(pooled)
    crossing = layers.Add(name="mixed")([from_image, from_clicks])
    fine = layers.Identity(name="image_features_0_conv")(
        crossing if features_from_clicks else from_image
    )
    x = layers.ReLU(name="relu")(layers.Add(name="sum")([fine, from_clicks]))
    x = layers.Add(name="sum_of_scales")([x, layers.UpSampling2D(name="up")(coarse)])
    if leak:
        x = layers.Add(name="leak")([x, from_image])
    logits = layers.Conv2D(1, 1, name="logits")(x)
    return keras.Model({"image": image, "click_maps": click_maps}, logits, name="tiny")


def arrays(rng, height=6, width=8):
    image = rng.uniform(0, 255, (1, height, width, 3)).astype("float32")
    click_maps = rng.uniform(0, 255, (1, height, width, 2)).astype("float32")
    return ops.convert_to_tensor(image), ops.convert_to_tensor(click_maps)


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_parts_equal_the_whole(rng):
    model = tiny_network()
    image_part, click_part = split(model)
    image, click_maps = arrays(rng)
    whole = model({"image": image, "click_maps": click_maps})
    parts = click_part([*image_part(image), click_maps])
    np.testing.assert_allclose(numpy_of(parts), numpy_of(whole), rtol=1e-5, atol=1e-4)


def test_parts_share_the_variables(rng):
    model = tiny_network()
    image_part, click_part = split(model)
    own = {id(variable) for variable in model.variables}
    parts = [id(variable) for part in (image_part, click_part) for variable in part.variables]
    assert sorted(parts) == sorted(own)

    model.get_layer("from_image").kernel.assign(np.ones((3, 3, 3, 4)))
    model.get_layer("logits").kernel.assign(np.ones((1, 1, 4, 1)))
    image, click_maps = arrays(rng)
    whole = model({"image": image, "click_maps": click_maps})
    parts = click_part([*image_part(image), click_maps])
    np.testing.assert_allclose(numpy_of(parts), numpy_of(whole), rtol=1e-5)


def test_inputs_of_the_parts():
    image_part, click_part = split(tiny_network())
    assert [tensor.name for tensor in image_part.inputs] == ["image"]
    assert [tensor.name for tensor in click_part.inputs] == [
        "features_0_conv",
        "features_1_pool",
        "click_maps",
    ]
    assert [tensor.shape[-1] for tensor in image_part.output] == [4, 4]


def test_network_and_parts_survive_saving(tmp_path, rng):
    model = tiny_network()
    split(model)
    image_part, click_part = split(model)  # a second split must not need the first one undone
    image, click_maps = arrays(rng)
    expected = numpy_of(model({"image": image, "click_maps": click_maps}))
    for name, part in (("whole", model), ("image", image_part), ("clicks", click_part)):
        part.save(tmp_path / f"{name}.keras")
    whole, image_part, click_part = (
        keras.saving.load_model(tmp_path / f"{name}.keras") for name in ("whole", "image", "clicks")
    )
    np.testing.assert_allclose(
        numpy_of(whole({"image": image, "click_maps": click_maps})), expected, rtol=1e-5
    )
    np.testing.assert_allclose(
        numpy_of(click_part([*image_part(image), click_maps])), expected, rtol=1e-5
    )
    image_part, click_part = split(whole)
    np.testing.assert_allclose(
        numpy_of(click_part([*image_part(image), click_maps])), expected, rtol=1e-5
    )


def test_a_single_feature_is_a_list_too(tmp_path, rng):
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 2), name="click_maps")
    crossing = layers.Identity(name="image_features_0_conv")(layers.Conv2D(2, 1)(image))
    logits = layers.Conv2D(1, 1)(layers.Concatenate()([crossing, click_maps]))
    image_part, _ = split(keras.Model({"image": image, "click_maps": click_maps}, logits))
    image_part.save(tmp_path / "image.keras")
    example, _ = arrays(rng)
    for part in (image_part, keras.saving.load_model(tmp_path / "image.keras")):
        for features in (part(example), part.predict(numpy_of(example), verbose=0)):
            assert isinstance(features, list)
            assert tuple(features[0].shape) == (1, 6, 8, 2)


def test_more_than_nine_cuts_keep_their_order():
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 2), name="click_maps")
    crossing = [
        layers.Identity(name=f"image_features_{i}_x")(layers.Conv2D(i + 1, 1)(image))
        for i in range(11)
    ]
    logits = layers.Conv2D(1, 1)(layers.Concatenate()([*crossing, click_maps]))
    image_part, _ = split(keras.Model({"image": image, "click_maps": click_maps}, logits))
    assert [tensor.shape[-1] for tensor in image_part.output] == list(range(1, 12))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"leak": True}, "every path"), ({"features_from_clicks": True}, "none may come from")],
)
def test_wrong_cuts_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        split(tiny_network(**arguments))


def test_a_network_without_cuts_is_refused():
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 2), name="click_maps")
    logits = layers.Conv2D(1, 1)(layers.Concatenate()([image, click_maps]))
    model = keras.Model({"image": image, "click_maps": click_maps}, logits)
    with pytest.raises(InputError, match="nowhere to cut"):
        split(model)


def test_other_inputs_are_refused():
    image = keras.Input((None, None, 3), name="image")
    with pytest.raises(InputError, match="click_maps"):
        split(keras.Model(image, layers.Conv2D(1, 1)(image)))


def test_a_misnamed_cut_is_refused():
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 2), name="click_maps")
    x = layers.Identity(name="image_features_fine")(image)
    logits = layers.Conv2D(1, 1)(layers.Concatenate()([x, click_maps]))
    model = keras.Model({"image": image, "click_maps": click_maps}, logits)
    with pytest.raises(InputError, match="image_features_fine"):
        split(model)
