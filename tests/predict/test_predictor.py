"""The Predictor over tiny networks, against the whole network called by hand."""

import gc
import pickle
import sys
import threading
import weakref
from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops
from PIL import Image

from fctsfn_tf.clicks.click import Click, clicks_from_points
from fctsfn_tf.clicks.click_maps import disk_maps, distance_maps
from fctsfn_tf.errors import InputError
from fctsfn_tf.images import jpeg_photograph
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.predictor import Predictor
from fctsfn_tf.predict.views import View, whole_view

SIZE = (64, 96)
# The view of a photograph of SIZE is the photograph itself.
EXACT = PredictorConfig(working_size=96, zoom_in=False)
ZOOM = PredictorConfig(working_size=96, zoom_min_size=24)
DISTANCES = replace(EXACT, click_encoding="distances")


def tiny_network(channels=3, seed=0, gain=2.0):
    """A network of the package's shape with random weights: one fused layer and a score."""

    def convolution(filters, name):
        kernel = keras.initializers.RandomNormal(stddev=gain / 3, seed=seed + len(name))
        return layers.Conv2D(filters, 3, padding="same", kernel_initializer=kernel, name=name)

    image = layers.Input((None, None, 3), name="image")
    click_maps = layers.Input((None, None, channels), name="click_maps")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(image)
    coarse = layers.Identity(name="image_features_0_a")(convolution(4, "image_a")(x))
    fine = layers.Identity(name="image_features_1_b")(convolution(4, "image_b")(x))
    # Distances come in hundreds of pixels, disks and probabilities as they are.
    maps = layers.Rescaling(1 / 100 if channels == 2 else 1.0, name="rescale_maps")(click_maps)
    y = layers.Add(name="sum")([coarse, convolution(4, "interaction")(maps)])
    y = layers.Add(name="sum_fine")([layers.ReLU(name="relu")(y), fine])
    logits = convolution(1, "score")(y)
    return keras.Model({"image": image, "click_maps": click_maps}, logits, name="tiny")


def bright_network():
    """A network whose logit is (mean of RGB − 128) / 4, plus 3 × positive − 3 × negative disks,
    plus the previous probability: the object is what is bright."""
    image = layers.Input((None, None, 3), name="image")
    click_maps = layers.Input((None, None, 3), name="click_maps")
    brightness = layers.Conv2D(1, 1, name="brightness")
    said = layers.Conv2D(1, 1, use_bias=False, name="said")
    features = layers.Identity(name="image_features_0_brightness")(brightness(image))
    logits = layers.Add(name="logits")([features, said(click_maps)])
    model = keras.Model({"image": image, "click_maps": click_maps}, logits, name="bright")
    brightness.set_weights([np.full((1, 1, 3, 1), 1 / 12), np.full(1, -32.0)])
    said.set_weights([np.array([3.0, -3.0, 1.0]).reshape(1, 1, 3, 1)])
    return model


NETWORK = tiny_network()
DISTANCE_NETWORK = tiny_network(channels=2, seed=3)
BRIGHT = bright_network()


def random_image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def bright_box(height=160, width=240, box=(40, 60, 70, 90)):
    """A dark photograph with one bright box (top, left, bottom, right)."""
    image = np.full((height, width, 3), 40, np.uint8)
    top, left, bottom, right = box
    image[top:bottom, left:right] = 220
    return image


def predictor_on(image, model=NETWORK, config=EXACT):
    predictor = Predictor(model, config)
    predictor.set_image(image)
    return predictor


def count_calls(predictor, name):
    """The list to which every further call of one part of the network adds an entry."""
    calls, part = [], getattr(predictor._engine, name)

    def counted(*inputs):
        calls.append(inputs)
        return part(*inputs)

    setattr(predictor._engine, name, counted)
    return calls


def assert_same(first, second):
    np.testing.assert_array_equal(first.probability, second.probability)
    np.testing.assert_array_equal(first.mask, second.mask)


def assert_clicks_on_their_side(prediction, points, labels):
    side = {}
    for (x, y), label in zip(points, labels, strict=True):
        side[int(y), int(x)] = label
    for pixel, label in side.items():
        assert prediction.mask[pixel] == bool(label)
        assert prediction.probability[pixel] == float(label)


POINTS, LABELS = [(20, 30), (70, 5), (50.7, 40.2)], [1, 0, 1]


# ---- The result is that of the whole network ---------------------------------------------------


@pytest.mark.parametrize(
    ("model", "config"), [(NETWORK, EXACT), (DISTANCE_NETWORK, DISTANCES)], ids=["disks", "paper"]
)
def test_equals_the_whole_network_click_by_click(model, config):
    image = random_image(*SIZE)
    predictor = predictor_on(image, model, config)
    previous = np.zeros((*SIZE, 1), np.float32)
    for count in range(1, 4):
        clicks = clicks_from_points(POINTS[:count], LABELS[:count], *SIZE)
        if config is DISTANCES:
            maps = distance_maps(clicks, *SIZE)
        else:
            maps = np.concatenate([disk_maps(clicks, *SIZE), previous], axis=-1)
        inputs = {"image": image[None].astype(np.float32), "click_maps": maps[None]}
        logits = ops.convert_to_numpy(
            model({name: ops.convert_to_tensor(array) for name, array in inputs.items()})
        )[0].astype(np.float64)
        expected = 1 / (1 + np.exp(-logits))
        previous = expected.astype(np.float32)
        for click in clicks:
            expected[click.pixel] = float(click.is_positive)

        prediction = predictor.add_click(*POINTS[count - 1], LABELS[count - 1])
        np.testing.assert_allclose(prediction.probability, expected[..., 0], atol=1e-5)
        np.testing.assert_array_equal(prediction.mask, prediction.probability > 0.5)
        assert prediction.probability.dtype == np.float32
        assert prediction.mask.dtype == bool
        assert 0.05 < prediction.mask.mean() < 0.95


def test_threshold_and_huge_logits():
    model = tiny_network(gain=3000.0)
    prediction = predictor_on(random_image(*SIZE), model).predict(POINTS, LABELS)
    assert np.isfinite(prediction.probability).all()
    assert set(np.unique(prediction.probability)) >= {0.0, 1.0}
    image = random_image(*SIZE)
    low = predictor_on(image, config=replace(EXACT, threshold=0.0)).predict(POINTS, LABELS)
    high = predictor_on(image, config=replace(EXACT, threshold=0.9)).predict(POINTS, LABELS)
    np.testing.assert_array_equal(low.probability, high.probability)
    assert low.mask.sum() > high.mask.sum()
    assert_clicks_on_their_side(high, POINTS, LABELS)


def test_graph_cut_makes_the_mask():
    pytest.importorskip("maxflow")
    from fctsfn_tf.images.graph_cut import graph_cut

    image = bright_box(*SIZE, (20, 20, 40, 50))
    prediction = predictor_on(image, config=replace(EXACT, graph_cut=True)).predict(POINTS, LABELS)
    clicks = clicks_from_points(POINTS, LABELS, *SIZE)
    np.testing.assert_array_equal(prediction.mask, graph_cut(prediction.probability, image, clicks))
    smooth = replace(EXACT, graph_cut=True, graph_cut_smoothness=50.0)
    smooth_mask = predictor_on(image, config=smooth).predict(POINTS, LABELS).mask
    assert (smooth_mask != prediction.mask).any()
    assert (prediction.mask != (prediction.probability > 0.5)).any()
    assert_clicks_on_their_side(prediction, POINTS, LABELS)


# ---- What runs how often -----------------------------------------------------------------------


def test_the_mask_is_made_when_it_is_asked_for(monkeypatch):
    made = []

    def cut(probability, image, clicks, parameters):
        made.append(len(clicks))
        return probability > 0.6

    monkeypatch.setattr("fctsfn_tf.predict.predictor.graph_cut", cut)
    predictor = predictor_on(random_image(*SIZE), config=replace(EXACT, graph_cut=True))
    first = predictor.add_click(*POINTS[0], LABELS[0])
    prediction = predictor.predict(POINTS, LABELS)
    predictor.set_image(random_image(32, 32))  # the mask is of the photograph before
    assert made == []
    np.testing.assert_array_equal(prediction.mask, prediction.probability > 0.6)
    assert prediction.mask is prediction.mask
    assert not prediction.mask.flags.writeable
    copied = pickle.loads(pickle.dumps(first))
    assert_same(copied, first)
    assert made == [3, 1]


def test_a_missing_graph_cut_is_told_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "maxflow", None)
    with pytest.raises(InputError, match="pip install PyMaxflow"):
        Predictor(NETWORK, replace(EXACT, graph_cut=True))


def test_a_large_jpeg_is_not_decoded_for_its_first_masks(tmp_path, monkeypatch):
    image = bright_box(768, 1152, (100, 300, 500, 900))
    path = tmp_path / "photo.jpg"
    Image.fromarray(image).save(path, quality=95)
    pixels = read_image(path)
    decoded, decode = [], jpeg_photograph.image_of_bytes

    def counted(*arguments):
        decoded.append(arguments[1])
        return decode(*arguments)

    monkeypatch.setattr(jpeg_photograph, "image_of_bytes", counted)
    predictor = predictor_on(path, BRIGHT, ZOOM)
    path.unlink()
    assert predictor.image_size == (768, 1152)
    prediction = predictor.predict([(600, 300), (20, 20)], [1, 0])
    assert decoded == []
    whole = predictor_on(pixels, BRIGHT, ZOOM).predict([(600, 300), (20, 20)], [1, 0])
    union = prediction.mask | whole.mask
    assert (prediction.mask & whole.mask).sum() > 0.995 * union.sum() > 200_000
    np.testing.assert_array_equal(predictor.image, pixels)
    np.testing.assert_array_equal(predictor.image, pixels)
    assert len(decoded) == 1


def test_the_image_part_runs_once_per_view():
    predictor = Predictor(BRIGHT, ZOOM)
    encoded, clicked = count_calls(predictor, "encode"), count_calls(predictor, "click")
    predictor.set_image(bright_box())
    assert (len(encoded), len(clicked)) == (1, 0)
    first = predictor.add_click(70, 50, 1)  # the whole photograph
    second = predictor.add_click(80, 60, 1)  # the zoom-in
    assert (len(encoded), len(clicked)) == (2, 2)
    third = predictor.add_click(62, 45, 1)  # the same zoom-in
    predictor.undo()
    predictor.add_click(65, 45, 1)
    assert (len(encoded), len(clicked)) == (2, 4)
    predictor.undo()
    predictor.undo()
    predictor.undo()
    predictor.add_click(70, 50, 1)  # the whole photograph again
    assert (len(encoded), len(clicked)) == (2, 5)
    assert first.encode_seconds > 0
    assert second.encode_seconds > 0
    assert third.encode_seconds == 0
    assert third.click_seconds > 0


def test_a_longer_list_costs_only_its_new_clicks():
    predictor = predictor_on(random_image(*SIZE))
    clicked = count_calls(predictor, "click")
    predictor.predict(POINTS[:2], LABELS[:2])
    predictor.predict(POINTS, LABELS)
    assert len(clicked) == 3
    again = predictor.predict(POINTS, LABELS)
    assert len(clicked) == 3
    assert again is predictor.prediction
    shorter = predictor.predict(POINTS[:1], LABELS[:1])
    assert len(clicked) == 3
    assert_same(shorter, predictor_on(random_image(*SIZE)).predict(POINTS[:1], LABELS[:1]))
    other = predictor.predict([POINTS[0], POINTS[2]], [1, 0])
    assert len(clicked) == 4
    fresh = predictor_on(random_image(*SIZE)).predict([POINTS[0], POINTS[2]], [1, 0])
    assert_same(other, fresh)
    opposite = predictor.predict(POINTS, [1, 1, 1])
    assert_same(opposite, predictor_on(random_image(*SIZE)).predict(POINTS, [1, 1, 1]))


def test_new_sizes_are_not_traced_anew():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces for any size")
    predictor = Predictor(tiny_network(), EXACT)
    for size in [(64, 96), (96, 64), (50, 96), (96, 32)]:
        predictor.set_image(random_image(*size))
        predictor.add_click(3, 4, 1)
    assert predictor._engine._image_part.experimental_get_tracing_count() == 1
    assert predictor._engine._click_part.experimental_get_tracing_count() == 1


def test_the_last_predictor_takes_the_compiled_network_with_it():
    model = tiny_network()
    predictor_on(random_image(*SIZE), model).add_click(1, 2, 1)
    gone = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert gone() is None


# ---- Undo, redo, reset -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "config"),
    [(NETWORK, EXACT), (DISTANCE_NETWORK, DISTANCES), (BRIGHT, ZOOM), (NETWORK, ZOOM)],
    ids=["disks", "paper", "zoom", "random zoom"],
)
def test_undo_and_redo_are_exact(model, config):
    image = bright_box(160, 240)
    points = [(70, 50), (80, 60), (85, 42), (200, 100), (66, 44)]
    labels = [1, 1, 0, 1, 0]
    predictor = predictor_on(image, model, config)
    after = [
        predictor.add_click(*point, label) for point, label in zip(points, labels, strict=True)
    ]
    for count in (4, 3, 2, 1):
        assert_same(predictor.undo(), after[count - 1])
        assert len(predictor.clicks) == count
    assert predictor.undo() is None
    assert predictor.prediction is None
    for prediction in after:
        redone = predictor.redo()
        assert_same(redone, prediction)
        assert redone.click_seconds == prediction.click_seconds

    # A click after undo gives what it would have given without the undone ones.
    predictor.undo()
    predictor.undo()
    predictor.undo()
    new = predictor.add_click(63, 65, 0)
    fresh = predictor_on(image, model, config)
    assert_same(new, fresh.predict([*points[:2], (63, 65)], [1, 1, 0]))
    with pytest.raises(InputError, match="no click to redo"):
        predictor.redo()


def test_reset_leaves_nothing_behind():
    image = random_image(*SIZE)
    predictor = predictor_on(image)
    predictor.predict(POINTS, LABELS)
    assert predictor.reset() is None
    assert predictor.clicks == ()
    assert_same(predictor.predict(POINTS[2:], [1]), predictor_on(image).predict(POINTS[2:], [1]))


def test_predict_equals_adding_the_clicks_one_by_one():
    for model, config in [(NETWORK, EXACT), (BRIGHT, ZOOM)]:
        image = bright_box()
        points, labels = [(70, 50), (61, 41), (5, 5), (85.9, 69.9)], [1, 1, 0, 1]
        together = predictor_on(image, model, config).predict(np.array(points), np.array(labels))
        one_by_one = predictor_on(image, model, config)
        for point, label in zip(points, labels, strict=True):
            last = one_by_one.add_click(*point, label)
        assert_same(together, last)
        assert one_by_one.clicks[-1] == Click(69, 85, True)


# ---- Any photograph, any click -----------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_clicked_pixels_lie_on_their_side(data):
    sizes = [(1, 1), (1, 500), (37, 90), (200, 45)]
    height, width = data.draw(st.sampled_from(sizes))
    config = data.draw(st.sampled_from([ZOOM, replace(ZOOM, threshold=0.9, zoom_min_size=3)]))
    places = st.tuples(
        st.floats(0, width, exclude_max=True), st.floats(0, height, exclude_max=True)
    )
    points = data.draw(st.lists(places, min_size=1, max_size=6))
    labels = [1, *data.draw(st.lists(st.integers(0, 1), min_size=len(points) - 1,
                                     max_size=len(points) - 1))]  # fmt: skip
    predictor = predictor_on(random_image(height, width), NETWORK, config)
    prediction = predictor.predict(points, labels)
    assert prediction.probability.shape == prediction.mask.shape == (height, width)
    assert prediction.probability.min() >= 0
    assert prediction.probability.max() <= 1
    assert_clicks_on_their_side(prediction, points, labels)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 20), (20, 3000)])
def test_extreme_sizes(size):
    height, width = size
    predictor = predictor_on(random_image(*size), config=ZOOM)
    prediction = predictor.predict([(0, 0), (width - 1, height - 1)], [1, 0])
    assert prediction.mask.shape == size
    assert not prediction.mask[-1, -1]
    assert predictor.image_size == size


def test_the_photograph_can_be_read_but_not_changed():
    image = random_image(*SIZE)
    predictor = predictor_on(image)
    np.testing.assert_array_equal(predictor.image, image)
    with pytest.raises(ValueError, match="read-only"):
        predictor.image[0] = 0
    with pytest.raises(InputError, match="no image"):
        Predictor(tiny_network(), EXACT).image  # noqa: B018


def test_the_later_click_on_a_pixel_counts():
    predictor = predictor_on(random_image(*SIZE))
    assert predictor.predict([(5, 9), (5.5, 9.9)], [1, 0]).probability[9, 5] == 0
    assert predictor.add_click(5, 9, 1).mask[9, 5]


def test_a_turned_photograph_is_clicked_upright(tmp_path):
    """Orientation 6: the stored picture must be turned clockwise; its top left comes top right."""
    stored = np.full((60, 90, 3), 40, np.uint8)
    stored[:20, :30] = 220
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    Image.fromarray(stored).save(path, exif=exif)
    for given_path in (path, str(path)):
        predictor = predictor_on(given_path, BRIGHT)
        assert predictor.image_size == (90, 60)
        mask = predictor.add_click(50, 10, 1).mask
        expected = np.zeros((90, 60), bool)
        expected[:30, 40:] = True
        assert (mask != expected).mean() < 0.02


def test_grey_and_transparent_images_are_taken():
    grey = bright_box(*SIZE, (20, 20, 40, 50))[..., 0]
    rgba = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    results = [predictor_on(image, BRIGHT).add_click(30, 30, 1) for image in (grey, rgba)]
    assert_same(*results)


# ---- Zooming in --------------------------------------------------------------------------------


def test_zoom_in_resolves_a_small_object():
    """A comb with teeth of 2 pixels is a grey block in the whole photograph at 1/5."""
    image = np.full((320, 480, 3), 40, np.uint8)
    image[100:130, 200:240:4] = 240
    image[100:130, 201:240:4] = 240
    expected = image[..., 0] > 128
    points, labels = [(201, 110), (220, 115)], [1, 1]
    errors = {}
    for zoom_in in (False, True):
        config = replace(ZOOM, zoom_in=zoom_in)
        mask = predictor_on(image, BRIGHT, config).predict(points, labels).mask
        errors[zoom_in] = (mask != expected).sum()
    assert errors[True] < 0.7 * errors[False]


def test_outside_a_zoom_in_the_probability_stays_what_it_was():
    predictor = predictor_on(bright_box(), BRIGHT, ZOOM)
    first = predictor.add_click(75, 55, 1)
    second = predictor.add_click(65, 45, 1)
    # The object's box, (40, 60, 70, 90) give or take the blur, 1.4 times as large.
    box = predictor._states[2].layers[-1].view.box
    for side, expected in zip((box.top, box.left, box.bottom, box.right), (34, 54, 76, 96),
                              strict=True):  # fmt: skip
        assert abs(side - expected) <= 3
    outside = np.ones((160, 240), bool)
    outside[box.pixels] = False
    np.testing.assert_array_equal(second.probability[outside], first.probability[outside])
    # The blurred contour changes: one pixel of the network was 2.5 of the photograph.
    assert (second.probability[~outside] != first.probability[~outside]).mean() > 0.05


def test_views_of_several_zooms_lie_on_each_other():
    """A distant click moves the view; the earlier box keeps its own, finer answer."""
    image = bright_box(300, 480, (40, 60, 60, 90))
    config = replace(ZOOM, zoom_min_gain=1.0)
    predictor = predictor_on(image, BRIGHT, config)
    predictor.predict([(75, 50), (80, 55)], [1, 1])
    views = [layer.view for layer in predictor._states[2].layers]
    assert views[0] == whole_view(300, 480, config)
    assert len(views) == 2
    predictor.add_click(400, 250, 1)
    # The new box holds the old one, which it hides.
    views = [layer.view for layer in predictor._states[3].layers]
    assert len(views) == 2
    assert views[1].box.contains(predictor._states[2].layers[1].view.box)


def test_an_object_cut_off_by_the_zoom_in_is_seen_whole():
    """The start mask knows a part of a long bar; a box around that part would cut the bar off."""
    image = bright_box(160, 240, (70, 20, 90, 220))
    start = np.zeros((160, 240), bool)
    start[70:90, 60:80] = True
    predictor = predictor_on(image, BRIGHT, ZOOM)
    predictor.set_mask(start)
    mask = predictor.add_click(70, 80, 1).mask
    assert mask[74:86, 24:216].all()
    assert predictor._states[1].layers[-1].view == whole_view(160, 240, ZOOM)


# ---- Looking again -----------------------------------------------------------------------------


@pytest.mark.parametrize("looks", [1, 2])
def test_after_the_first_click_the_network_looks_again_at_its_own_answer(looks):
    image = random_image(*SIZE)
    predictor = predictor_on(image, NETWORK, replace(EXACT, look_again=looks))
    ((x, y), *_), (label, *_) = POINTS, LABELS
    maps = disk_maps(clicks_from_points([(x, y)], [label], *SIZE), *SIZE)
    known = np.zeros((*SIZE, 1), np.float32)
    for _ in range(1 + looks):
        answer = NETWORK(
            {
                "image": ops.convert_to_tensor(image[None].astype(np.float32)),
                "click_maps": ops.convert_to_tensor(np.concatenate([maps, known], -1)[None]),
            }
        )
        known = ops.convert_to_numpy(ops.sigmoid(answer))[0]
    prediction = predictor.add_click(x, y, label)
    known[y, x] = label
    np.testing.assert_allclose(prediction.probability, known[..., 0], atol=1e-5)


def test_it_looks_again_zoomed_in_once_an_object_and_not_at_later_clicks():
    config = replace(ZOOM, look_again=1)
    predictor = predictor_on(bright_box(), BRIGHT, config)
    clicks = count_calls(predictor, "click")
    first = predictor.add_click(75, 55, 1)
    assert len(clicks) == 2
    assert predictor._states[1].layers[-1].view != whole_view(160, 240, config)
    predictor.add_click(65, 45, 1)
    assert len(clicks) == 3
    np.testing.assert_array_equal(predictor.undo().probability, first.probability)
    start = np.zeros((160, 240), bool)
    start[40:70, 60:90] = True
    predictor.set_mask(start)
    predictor.add_click(75, 55, 1)
    assert len(clicks) == 4


# ---- Starting from a mask ----------------------------------------------------------------------


def test_a_start_mask_is_the_previous_probability():
    image = random_image(*SIZE)
    start = np.zeros(SIZE, bool)
    start[10:30, 20:60] = True
    predictor = predictor_on(image)
    shown = predictor.set_mask(start)
    np.testing.assert_array_equal(shown.mask, start)
    np.testing.assert_array_equal(shown.probability, start.astype(np.float32))
    prediction = predictor.add_click(40, 20, 0)

    maps = np.dstack([disk_maps([Click(20, 40, False)], *SIZE), start]).astype(np.float32)
    logits = NETWORK(
        {
            "image": ops.convert_to_tensor(image[None].astype(np.float32)),
            "click_maps": ops.convert_to_tensor(maps[None]),
        }
    )
    expected = 1 / (1 + np.exp(-ops.convert_to_numpy(logits)[0, ..., 0].astype(np.float64)))
    expected[20, 40] = 0
    np.testing.assert_allclose(prediction.probability, expected, atol=1e-5)

    np.testing.assert_array_equal(predictor.undo().mask, start)
    assert_same(predictor.redo(), prediction)
    np.testing.assert_array_equal(predictor.reset().mask, start)
    assert_same(predictor.add_click(40, 20, 0), prediction)
    assert predictor.set_mask(None) is None
    with pytest.raises(InputError, match="first click must be positive"):
        predictor.add_click(40, 20, 0)


def test_a_start_mask_zooms_at_the_first_click_and_stays_outside():
    start = np.zeros((160, 240), bool)
    start[40:70, 60:90] = True
    start_elsewhere = start.copy()
    predictor = predictor_on(bright_box(), BRIGHT, ZOOM)
    predictor.set_mask(start_elsewhere)
    start_elsewhere[:] = True  # the caller's array may change afterwards
    prediction = predictor.add_click(65, 45, 1)
    (layer,) = predictor._states[1].layers
    assert layer.view.box.height == 42
    outside = np.ones((160, 240), bool)
    outside[layer.view.box.pixels] = False
    np.testing.assert_array_equal(prediction.probability[outside], 0)


def test_start_masks_as_numbers():
    predictor = predictor_on(random_image(*SIZE))
    start = np.zeros(SIZE, bool)
    start[3:9, 50:77] = True
    for mask in (start, start * np.uint8(255), start.astype(np.int64), start * 1.0):
        np.testing.assert_array_equal(predictor.set_mask(mask).mask, start)
    two_objects = start.astype(np.uint8)
    two_objects[40:50, 5:9] = 7
    for mask, match in [
        (start.T, "as large as the image"),
        (np.zeros(SIZE, bool), "empty"),
        (two_objects, "one object"),
        (start.astype(str), "bools or numbers"),
    ]:
        with pytest.raises(InputError, match=match):
            predictor.set_mask(mask)


def test_a_network_without_previous_probability_takes_no_start_mask():
    predictor = predictor_on(random_image(*SIZE), DISTANCE_NETWORK, DISTANCES)
    with pytest.raises(InputError, match="previous probability"):
        predictor.set_mask(np.ones(SIZE, bool))


# ---- Several users -----------------------------------------------------------------------------


def test_two_predictors_over_one_network_do_not_see_each_other():
    images = [random_image(*SIZE, seed=1), random_image(96, 64, seed=2)]
    points = [(20, 30), (50, 40), (11, 12)]
    alone = [predictor_on(image).predict(points, [1, 0, 1]) for image in images]
    first, second = (predictor_on(image) for image in images)
    assert first._engine._click_part is second._engine._click_part
    for point, label in zip(points, [1, 0, 1], strict=True):
        first.add_click(*point, label)
        second.add_click(*point, label)
    assert_same(first.prediction, alone[0])
    assert_same(second.prediction, alone[1])
    first.reset()
    assert_same(second.prediction, alone[1])


def test_predictors_in_several_threads():
    model = tiny_network()
    images = [random_image(64, 96 - 32 * (seed % 2), seed) for seed in range(6)]
    results = [None] * len(images)

    def use(index):
        results[index] = predictor_on(images[index], model).predict([(9, 8), (30, 40)], [1, 0])

    threads = [threading.Thread(target=use, args=(index,)) for index in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for image, result in zip(images, results, strict=True):
        assert_same(result, predictor_on(image, model).predict([(9, 8), (30, 40)], [1, 0]))


# ---- What the caller's arrays do ---------------------------------------------------------------


def test_the_callers_image_may_change_and_the_result_may_not():
    image = bright_box()
    expected = predictor_on(image.copy(), BRIGHT, ZOOM).predict([(75, 55), (65, 45)], [1, 1])
    predictor = predictor_on(image, BRIGHT, ZOOM)
    predictor.add_click(75, 55, 1)
    image[:] = 0
    assert_same(predictor.add_click(65, 45, 1), expected)
    for array in (predictor.prediction.probability, predictor.prediction.mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_a_new_image_forgets_the_old_clicks():
    predictor = predictor_on(random_image(*SIZE, seed=5))
    predictor.predict(POINTS, LABELS)
    predictor.set_image(random_image(96, 64))
    assert predictor.clicks == ()
    assert predictor.prediction is None
    assert_same(
        predictor.add_click(9, 80, 1), predictor_on(random_image(96, 64)).add_click(9, 80, 1)
    )


# ---- Errors ------------------------------------------------------------------------------------


def test_nothing_works_without_an_image():
    predictor = Predictor(NETWORK, EXACT)
    for use in (
        lambda: predictor.predict([(1, 2)], [1]),
        lambda: predictor.add_click(1, 2, 1),
        predictor.undo,
        predictor.redo,
        predictor.reset,
        lambda: predictor.set_mask(np.ones(SIZE, bool)),
        lambda: predictor.clicks,
        lambda: predictor.image_size,
        lambda: predictor.prediction,
    ):
        with pytest.raises(InputError, match="set_image"):
            use()


@pytest.mark.parametrize(
    ("points", "labels", "match"),
    [
        ([], [], "needs a click"),
        ([(1, 2)], [0], "first click must be positive"),
        ([(96, 2)], [1], "inside the image"),
        ([(2, 64)], [1], "inside the image"),
        ([(2, 3), (-1, 3)], [1, 0], "inside the image"),
        ([(2, 3)], [2], "label"),
        ([(2, float("nan"))], [1], "finite"),
    ],
)
def test_wrong_clicks_change_nothing(points, labels, match):
    predictor = predictor_on(random_image(*SIZE))
    before = predictor.predict(POINTS, LABELS)
    with pytest.raises(InputError, match=match):
        predictor.predict(points, labels)
    assert predictor.prediction is before
    assert len(predictor.clicks) == 3
    if len(points) == 1 and labels != [0]:
        with pytest.raises(InputError, match=match):
            predictor.add_click(*points[0], labels[0])


def test_undo_and_redo_without_clicks():
    predictor = predictor_on(random_image(*SIZE))
    with pytest.raises(InputError, match="no click to undo"):
        predictor.undo()
    with pytest.raises(InputError, match="no click to redo"):
        predictor.redo()


def test_an_unreadable_image_keeps_the_old_one(tmp_path):
    predictor = predictor_on(random_image(*SIZE))
    before = predictor.add_click(5, 6, 1)
    with pytest.raises(InputError):
        predictor.set_image(tmp_path / "missing.png")
    with pytest.raises(InputError):
        predictor.set_image(np.zeros((4, 5, 7), np.uint8))
    assert predictor.prediction is before


def test_a_network_that_returns_nan_is_named_and_changes_nothing():
    model = tiny_network()
    predictor = predictor_on(random_image(*SIZE), model)
    before = predictor.add_click(5, 6, 1)
    weights = model.get_weights()
    model.set_weights([np.full_like(weight, np.nan) for weight in weights])
    with pytest.raises(InputError, match="finite logits"):
        predictor.add_click(50, 20, 1)
    assert predictor.prediction is before
    assert len(predictor.clicks) == 1
    # Mended weights are seen at once: nothing of them was compiled in.
    model.set_weights(weights)
    again = predictor.add_click(50, 20, 1)
    assert_same(again, predictor_on(random_image(*SIZE)).predict([(5, 6), (50, 20)], [1, 1]))


def test_the_network_must_fit_the_configuration():
    with pytest.raises(InputError, match="3 channels"):
        Predictor(DISTANCE_NETWORK, EXACT)
    with pytest.raises(InputError, match="2 channels"):
        Predictor(NETWORK, DISTANCES)
    image = layers.Input((None, None, 3), name="image")
    with pytest.raises(InputError, match="click_maps"):
        Predictor(keras.Model(image, layers.Conv2D(1, 1)(image)), EXACT)


def test_a_view_is_hashable_and_equal_by_value():
    """The features of a view are found again by its value."""
    assert {whole_view(64, 96, EXACT): 1}[View(whole_view(64, 96, EXACT).box, 64, 96)] == 1


def test_a_click_that_is_taken_back_and_made_again_ends_where_it_was():
    image = random_image(*SIZE)
    predictor = predictor_on(image, config=replace(ZOOM, look_again=1))
    predictor.add_click(30, 20, 1)
    before = predictor.add_click(60, 40, 1)
    without = predictor.add_click(60, 40, 0)
    assert not without.mask[40, 60]
    calls = count_calls(predictor, "click")
    assert_same(predictor.add_click(60, 40, 1), before)
    assert calls == []
    assert_same(predictor.add_click(60, 40, 0), without)
    assert_same(predictor.undo(), before)


def test_what_was_taken_back_is_not_shown_to_the_network():
    predictor = predictor_on(random_image(*SIZE))
    predictor.add_click(30, 20, 1)
    predictor.add_click(60, 40, 1)
    calls = count_calls(predictor, "click")
    predictor.add_click(60, 40, 0)
    ((_, maps),) = calls
    clicks = [Click(20, 30, True), Click(40, 60, False)]
    np.testing.assert_array_equal(maps[..., :2], disk_maps(clicks, *SIZE))


def test_the_same_click_again_asks_the_network_again():
    predictor = predictor_on(random_image(*SIZE))
    predictor.add_click(30, 20, 1)
    calls = count_calls(predictor, "click")
    predictor.add_click(30, 20, 1)
    assert len(calls) == 1
