import gc
import weakref

import keras
import numpy as np
import pytest
from keras import layers, ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.encode_once import compiled_parts, named_inputs, split


def tiny_network(leak=False, features_from_clicks=False, inputs_are_named=True):
    """Two crossing tensors, one of them at half the size, named and put in as it once was done."""
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
    inputs = {"image": image, "click_maps": click_maps}
    return keras.Model(inputs if inputs_are_named else [image, click_maps], logits, name="tiny")


def arrays(rng, height=6, width=8):
    image = rng.uniform(0, 255, (1, height, width, 3)).astype("float32")
    click_maps = rng.uniform(0, 255, (1, height, width, 2)).astype("float32")
    return ops.convert_to_tensor(image), ops.convert_to_tensor(click_maps)


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("inputs_are_named", [True, False])
def test_parts_equal_the_whole(rng, inputs_are_named):
    model = tiny_network(inputs_are_named=inputs_are_named)
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


@pytest.mark.parametrize(
    "names",
    [
        [f"{i}_x" for i in range(11)],  # as earlier versions numbered them
        ["bottleneck2", "bottleneck10", "conv", "conv5_1", "conv5_10", "fc6", "pool"],
        ["0_b", "1_a", "a", "a1", "b"],
    ],
)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_parts_have_the_features_in_the_order_of_the_names(names, is_reversed):
    """However the network is built: the layers are made in this order or the other."""
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 2), name="click_maps")
    crossing = []
    for i, name in list(enumerate(names))[:: -1 if is_reversed else 1]:
        x = layers.Conv2D(i + 1, 1)(image)
        crossing.append(layers.Identity(name=f"image_features_{name}")(x))
    logits = layers.Conv2D(1, 1)(layers.Concatenate()([*crossing, click_maps]))
    image_part, click_part = split(keras.Model([image, click_maps], logits))
    assert [tensor.shape[-1] for tensor in image_part.output] == list(range(1, len(names) + 1))
    expected = [*(f"features_{name}" for name in names), "click_maps"]
    assert [tensor.name for tensor in click_part.inputs] == expected


def test_parts_are_made_once():
    model = tiny_network()
    parts = split(model)
    calls = [len(layer._inbound_nodes) for layer in model.layers]
    for _ in range(3):
        assert split(model) == parts
        compiled_parts(model)
    assert [len(layer._inbound_nodes) for layer in model.layers] == calls
    assert max(calls) == 2  # in the network and in the click part


@pytest.mark.parametrize("make", [split, compiled_parts])
def test_parts_die_with_their_network(make, rng):
    model = tiny_network()
    image_part, click_part = make(model)
    image, click_maps = arrays(rng)
    click_part([*image_part(image), click_maps])
    dead = [weakref.ref(one) for one in (model, model.get_layer("logits"), image_part, click_part)]
    del model, image_part, click_part
    gc.collect()
    gc.collect()  # the parts and their layers, which were held as long as the network
    assert [one() for one in dead] == [None] * 4


def test_compiled_parts_serve_a_network_that_is_frozen_or_changed_later(rng):
    model = tiny_network()
    image_part, click_part = compiled_parts(model)
    for height in (6, 8, 10):  # another size is compiled anew
        image, click_maps = arrays(rng, height)
        whole = numpy_of(model({"image": image, "click_maps": click_maps}))
        parts = numpy_of(click_part([*image_part(image), click_maps]))
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-4)
        model.get_layer("from_image").trainable = height != 6
        model.get_layer("logits").kernel.assign(np.full((1, 1, 4, 1), height))


def test_inputs_by_name():
    for is_dictionary in (True, False):
        inputs = named_inputs(tiny_network(inputs_are_named=is_dictionary))
        assert {name: tensor.shape[-1] for name, tensor in inputs.items()} == {
            "image": 3,
            "click_maps": 2,
        }


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


def test_a_cut_that_is_no_identity_is_refused():
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 2), name="click_maps")
    x = layers.ReLU(name="image_features_fine")(image)
    logits = layers.Conv2D(1, 1)(layers.Concatenate()([x, click_maps]))
    model = keras.Model({"image": image, "click_maps": click_maps}, logits)
    with pytest.raises(InputError, match="Received ReLU 'image_features_fine'"):
        split(model)
