"""Batches for model.fit: what they hold, that (seed, epoch, index) decides them, and what is wrong
with photographs is said."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from fctsfn_tf.data.annotated_images import Dataset
from fctsfn_tf.data.image_cache import DiskCache, MemoryCache
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.click_network import ClickNetwork
from fctsfn_tf.training.augmentation import fitted_size
from fctsfn_tf.training.click_dataset import ClickDataset
from fctsfn_tf.training.losses import IGNORED
from fctsfn_tf.training.recipes import (
    COMPACT_INPUT,
    MSRN_INPUT,
    TSLFN_INPUT,
    WholePhotographConfig,
)

PAPER = replace(MSRN_INPUT, are_objects_alike=False, views=((60, 80, 3),))
COMPACT = replace(COMPACT_INPUT, views=((64, 96, 2),))
SIZE = (90, 120)


def write_folder(directory, count=7):
    """Photographs of one bright object, and every other one of a second, darker one."""
    rng = np.random.default_rng(0)
    for folder in ("images", "labels"):
        (directory / folder).mkdir(parents=True)
    for index in range(count):
        labels = np.zeros(SIZE, np.uint8)
        top, left = rng.integers(5, 30), rng.integers(5, 30)
        labels[top : top + 40, left : left + 45] = 1
        if index % 2:
            labels[60:85, 85:115] = 2
        labels[0] = 255
        image = np.full((*SIZE, 3), 40, np.uint8)
        image[labels == 1], image[labels == 2] = (230, 200, 30), (30, 120, 100 + index)
        Image.fromarray(image).save(directory / "images" / f"{index}.png")
        Image.fromarray(labels).save(directory / "labels" / f"{index}.png")
    return directory


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return open_dataset(write_folder(tmp_path_factory.mktemp("data") / "a"))


def assert_equal(first, second):
    for one, other in zip(flat(first), flat(second), strict=True):
        np.testing.assert_array_equal(one, other)


def flat(batch):
    inputs, target = batch
    return np.asarray(inputs["image"]), np.asarray(inputs["click_maps"]), np.asarray(target)


@pytest.mark.parametrize(
    ("config", "batch_size", "channels"),
    [
        (PAPER, 3, 2),
        (TSLFN_INPUT.seen_in((96, 128, 1)), 1, 2),
        (COMPACT, 4, 3),
        (replace(COMPACT, clicks=PAPER.clicks), 4, 3),
        (replace(PAPER, clicks=COMPACT.clicks, jitter_probability=1.0), 3, 2),
    ],
)
def test_what_a_batch_holds(dataset, config, batch_size, channels):
    data = ClickDataset(dataset, config, seed=3)
    height, width, _ = config.views[0]
    for index in range(len(data)):
        image, maps, target = flat(data[index])
        assert image.shape == (batch_size, height, width, 3)
        assert maps.shape == (batch_size, height, width, channels)
        assert target.shape == (batch_size, height, width, 1)
        assert image.dtype == maps.dtype == target.dtype == np.float32
        assert image.max() > 127
        assert set(np.unique(target)) <= {0.0, 1.0, IGNORED}
        assert (target == 1).any(axis=(1, 2, 3)).all()
        for one, mask in zip(maps, target[..., 0], strict=True):
            assert_clicks_fit(one, mask)


def assert_clicks_fit(maps, target):
    """Where a click is, its sign is the target's, but for half a pixel of resampling."""
    near = 1.0 if maps.shape[2] == 2 else None
    for channel, wrong in ((0, 0.0), (1, 1.0)):
        on_click = maps[..., channel] < near if near else erode(maps[..., channel] > 0)
        padded = np.pad(target != wrong, 1)
        around = [np.roll(padded, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        fits = np.logical_or.reduce(around)[1:-1, 1:-1]
        assert not (on_click & ~fits).any()


def erode(disks):
    """The centres of disks of radius 5."""
    padded = np.pad(disks, 5, constant_values=True)
    offsets = [(0, 0), (5, 0), (-5, 0), (0, 5), (0, -5), (3, 4), (-3, -4), (4, -3), (-4, 3)]
    return np.logical_and.reduce([np.roll(padded, offset, (0, 1)) for offset in offsets])[
        5:-5, 5:-5
    ]


def test_images_and_targets_show_the_same(dataset):
    data = ClickDataset(dataset, replace(COMPACT, augmentation=WholePhotographConfig()))
    image, _, target = flat(data[0])
    object_1 = (image[..., 0] > 150) & (target[..., 0] != IGNORED)
    object_2 = (image[..., 1] - image[..., 0] > 60) & (target[..., 0] != IGNORED)
    for bright, dark, mask in zip(object_1, object_2, target[..., 0] == 1, strict=True):
        best = min((bright ^ mask).sum(), (dark ^ mask).sum(), ((bright | dark) ^ mask).sum())
        assert best <= 0.05 * mask.sum()


def test_images_once_per_photograph(dataset):
    whole, once = (
        ClickDataset(dataset, COMPACT, seed=1, repeat_images=repeat)[0] for repeat in (True, False)
    )
    assert once[0]["image"].shape[0] == 2
    np.testing.assert_array_equal(np.repeat(once[0]["image"], 2, axis=0), whole[0]["image"])
    np.testing.assert_array_equal(once[1], whole[1])


@pytest.mark.parametrize("config", [PAPER, COMPACT])
def test_seed_epoch_and_index_decide_whatever_the_order(dataset, config):
    data = ClickDataset(dataset, config, seed=5)
    expected = {(e, i): data.batch(e, i) for e in (0, 1) for i in range(len(data))}
    again = pickle.loads(pickle.dumps(ClickDataset(dataset, config, seed=5)))
    with ThreadPoolExecutor(4) as pool:
        keys = list(reversed(expected))
        for key, batch in zip(keys, pool.map(lambda key: again.batch(*key), keys), strict=True):
            assert_equal(batch, expected[key])
    other = ClickDataset(dataset, config, seed=6)
    for different in (other.batch(0, 0), expected[1, 0], expected[0, 1]):
        assert (flat(different)[1] != flat(expected[0, 0])[1]).any()
    again.epoch = 1
    assert_equal(again[0], expected[1, 0])
    alone = ClickDataset(dataset.only({"3"}), config)  # the same photograph in every epoch
    assert (flat(alone.batch(0, 0))[1] != flat(alone.batch(1, 0))[1]).any()


def test_an_epoch_shows_every_photograph_once(dataset, monkeypatch):
    read = []
    original = Dataset.check_objects
    monkeypatch.setattr(
        Dataset,
        "check_objects",
        lambda self, image, objects: (read.append(image.name), original(self, image, objects)),
    )
    config = replace(PAPER, views=((60, 80, 1),), augmentation=WholePhotographConfig())
    data = ClickDataset(dataset, config)
    orders = set()
    for epoch in range(3):
        read.clear()
        for index in range(len(data)):
            data.batch(epoch, index)
        assert sorted(read) == list("0123456")
        orders.add(tuple(read))
    assert len(orders) == 3


def test_validation_is_whole_in_order_and_always_the_same(dataset):
    data = ClickDataset(dataset, replace(PAPER, views=((96, 128, 2),)), is_training=False)
    assert len(data) == 4  # 7 photographs, two by two
    first = data[0]
    data.on_epoch_end()
    assert_equal(data[0], first)
    original = np.asarray(Image.open(dataset.images[1].image_path))
    np.testing.assert_array_equal(first[0]["image"][1, 3:93, 4:124], original)
    ignored = first[1][1, ..., 0] == IGNORED
    expected = np.ones((96, 128), bool)  # outside of the photograph, and its void first row
    expected[4:93, 4:124] = False
    np.testing.assert_array_equal(ignored, expected)


def test_data_sets_are_mixed_by_weight(dataset, tmp_path):
    other = open_dataset(write_folder(tmp_path / "b", 3))
    mixed = ClickDataset([dataset, other], PAPER, weights=[0, 1], batches_per_epoch=4)
    alone = ClickDataset(other, PAPER, weights=[1], batches_per_epoch=4)
    assert_equal(mixed[3], alone[3])
    for weights in ([1], [0, 0], [-1, 2], [1, np.nan]):
        with pytest.raises(InputError, match="`weights` must be one number"):
            ClickDataset([dataset, other], PAPER, weights=weights)
    with pytest.raises(InputError, match="at least one photograph"):
        ClickDataset(Dataset("folder", ()), PAPER)


def tiny_model(channels, kind=keras.Model):
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, channels), name="click_maps")
    both = keras.layers.Concatenate()([image, click_maps])
    model = kind({"image": image, "click_maps": click_maps}, keras.layers.Conv2D(1, 1)(both))
    model.compile(keras.optimizers.SGD(1e-6), "mse")
    return model


def losses_by_hand(dataset, epochs, seed=2):
    """The loss of each epoch when its batches are asked for one by one."""
    data, model = ClickDataset(dataset, PAPER, seed=seed), tiny_model(2)
    per_epoch = []
    for epoch in epochs:
        losses = []
        for index in range(len(data)):
            inputs, target = data.batch(epoch, index)
            losses.append(np.mean((keras.ops.convert_to_numpy(model(inputs)) - target) ** 2))
            model.train_on_batch(inputs, target)
        per_epoch.append(np.mean(losses))
    return per_epoch


@pytest.mark.parametrize(
    "workers",
    [
        {},
        {"workers": 3},
        {"workers": 2, "use_multiprocessing": True},
    ],
)
def test_fit_sees_the_same_batches_with_any_workers(dataset, workers):
    data, model = ClickDataset(dataset, PAPER, seed=2, **workers), tiny_model(2)
    losses = model.fit(data, epochs=2, shuffle=False, verbose=0).history["loss"]
    losses += model.fit(data, epochs=1, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, losses_by_hand(dataset, range(3)), rtol=1e-5)
    assert data.epoch == 3


def test_workers_serve_any_order_and_say_what_is_wrong(dataset, broken):
    plain = ClickDataset(dataset, COMPACT, batches_per_epoch=12)
    ahead = ClickDataset(dataset, COMPACT, batches_per_epoch=12, workers=3, max_queue_size=4)
    for index in (*range(6), 2, 11, 0, *range(12)):
        assert_equal(ahead[index], plain[index])
    ahead.epoch = 1
    assert_equal(ahead[1], plain.batch(1, 1))
    with pytest.raises(InputError, match="is broken or cut off"):
        ClickDataset(broken.only({"1"}), PAPER, workers=2)[0]


def test_fit_goes_on_with_the_epoch_it_was_interrupted_in(dataset):
    expected = losses_by_hand(dataset, (5, 6))
    for is_built in (False, True):  # Keras looks at a batch of the first, not of the second
        data, model = ClickDataset(dataset, PAPER, seed=2), tiny_model(2)
        if is_built:
            weights = model.get_weights()
            model.train_on_batch(*data[0])
            model.set_weights(weights)
        data.epoch = 5
        losses = model.fit(data, initial_epoch=5, epochs=7, shuffle=False, verbose=0)
        np.testing.assert_allclose(losses.history["loss"], expected, rtol=1e-5)


def test_what_fit_and_evaluate_count_as_epochs(dataset):
    data, validation = (ClickDataset(dataset, PAPER, is_training=one) for one in (True, False))
    model = tiny_model(2)
    options = {"shuffle": False, "verbose": 0}
    model.fit(data, validation_data=validation, epochs=2, **options)
    assert (data.epoch, validation.epoch) == (2, 0)
    model.compile(keras.optimizers.SGD(1e-6), "mse", metrics=["mae"])  # looks at a batch again
    model.fit(data, epochs=1, **options)
    assert data.epoch == 3
    model.predict(data, verbose=0)
    assert data.epoch == 3
    model.evaluate(data, verbose=0)
    assert data.epoch == 4
    model.fit(data, epochs=3, steps_per_epoch=1, **options)
    assert data.epoch == 7


def test_an_epoch_that_was_broken_off_is_shown_again(dataset):
    class BreakOff(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if data.epoch == 1:
                raise KeyboardInterrupt

    data, model = ClickDataset(dataset, PAPER, seed=2), tiny_model(2)
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        model.fit(data, callbacks=[BreakOff()], **options)
    assert data.epoch == 1
    model.compile(keras.optimizers.SGD(0.0), "mse")
    loss = model.evaluate(data, verbose=0)
    expected = [model.evaluate(*data.batch(1, index), verbose=0) for index in range(len(data))]
    np.testing.assert_allclose(loss, np.mean(expected), rtol=1e-5)
    assert data.epoch == 2


def test_fit_takes_views_of_several_sizes(dataset):
    config = replace(COMPACT, views=((64, 64, 2), (32, 96, 3)))
    for seed in range(5):
        data = ClickDataset(dataset, config, seed=seed)
        first, second = (data[index][1].shape for index in range(2))
        assert first != second
    data = ClickDataset(dataset, config, batches_per_epoch=6)
    tiny_model(3).fit(data, epochs=2, verbose=0)


def test_the_same_as_a_tf_dataset(dataset):
    tf = pytest.importorskip("tensorflow")
    data = ClickDataset(dataset, PAPER, seed=4)
    data.epoch = 1
    stream = data.as_tf_dataset(num_parallel_calls=2)
    assert isinstance(stream, tf.data.Dataset)
    for step, batch in enumerate(stream.take(len(data) + 1), start=len(data)):
        assert_equal(batch, data.batch(*divmod(step, len(data))))
    inputs, target = stream.element_spec
    assert inputs["click_maps"].shape.as_list() == [None, 60, 80, 2]
    assert target.shape.as_list() == [None, 60, 80, 1]
    tiny_model(2).fit(stream, steps_per_epoch=len(data), epochs=2, verbose=0)
    validation = ClickDataset(dataset, PAPER, is_training=False)
    assert len(list(validation.as_tf_dataset())) == len(validation)


def test_a_shard_is_every_nth_batch(dataset):
    pytest.importorskip("tensorflow")
    data = ClickDataset(dataset, PAPER, seed=4)
    shards = [list(data.as_tf_dataset(epochs=2, shard=(3, k))) for k in range(3)]
    assert sum(map(len, shards)) == 2 * len(data)
    for k, shard in enumerate(shards):
        for place, batch in enumerate(shard):
            assert_equal(batch, data.batch(*divmod(k + 3 * place, len(data))))


class Seen(keras.losses.Loss):
    """Has `losses` know the target of each batch by its sum."""

    leaves_out_ignored = True

    def call(self, y_true, y_pred):
        return keras.ops.sum(y_true, (1, 2, 3)) + 0 * keras.ops.sum(y_pred, (1, 2, 3))


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("workers", [1, 2])
def test_steps_per_epoch_is_the_length_of_the_epochs(dataset, steps, workers):
    """Neither batches left over from the epoch before, nor one that ends with the data."""
    network = tiny_model(2, ClickNetwork)
    network.compile(keras.optimizers.SGD(0.0), Seen())
    data = ClickDataset(dataset, PAPER, seed=3, workers=workers)
    options = {"shuffle": False, "verbose": 0}
    found = network.fit(data, epochs=2, steps_per_epoch=steps, **options).history["loss"]
    assert data.epoch == 2
    found += network.fit(data, initial_epoch=2, epochs=3, steps_per_epoch=steps, **options).history[
        "loss"
    ]
    same = ClickDataset(dataset, PAPER, seed=3, batches_per_epoch=steps)
    expected = [
        np.mean([same.batch(epoch, index)[1].sum((1, 2, 3)).mean() for index in range(steps)])
        for epoch in range(3)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert data.epoch == 3
    assert len(data) == 2


def test_weights_beside_the_target(dataset):
    plain = ClickDataset(dataset, PAPER, seed=1)
    weighted = ClickDataset(dataset, PAPER, seed=1, sample_weight=True)
    inputs, target, weights = weighted[0]
    expected_inputs, expected = plain[0]
    np.testing.assert_array_equal(inputs["click_maps"], expected_inputs["click_maps"])
    np.testing.assert_array_equal(weights, expected != IGNORED)
    np.testing.assert_array_equal(target, np.maximum(expected, 0))
    assert (weights == 0).any()
    assert weights.dtype == target.dtype == np.float32
    model, loss = tiny_model(2), keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss)
    logits = keras.ops.convert_to_numpy(model(inputs))
    by_hand = np.logaddexp(0, np.where(expected > 0.5, -logits, logits)) * weights
    assert model.evaluate(*weighted[0][:2], sample_weight=weights, verbose=0) == pytest.approx(
        by_hand.mean(), rel=1e-4
    )
    network = tiny_model(2, ClickNetwork)
    network.compile(keras.optimizers.SGD(0.0), loss)
    losses = [network.evaluate(data, verbose=0) for data in (plain, weighted)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_weights_in_a_tf_dataset(dataset):
    pytest.importorskip("tensorflow")
    weighted = ClickDataset(dataset, PAPER, seed=1, sample_weight=True)
    stream = weighted.as_tf_dataset()
    assert stream.element_spec[2].shape.as_list() == [None, 60, 80, 1]
    (batch,) = stream.take(1)
    for one, other in zip(batch[1:], weighted.batch(0, 0)[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_arrays_are_data(dataset):
    """The same photographs as arrays: the same batches."""
    pairs = [image.read() for image in dataset.images]
    images, masks = (list(column) for column in zip(*pairs, strict=True))
    expected = ClickDataset(dataset, COMPACT, seed=2)
    assert_equal(ClickDataset((images, masks), COMPACT, seed=2)[1], expected[1])
    mixed = ClickDataset([dataset, pairs], COMPACT, weights=[0, 1], batches_per_epoch=4)
    alone = ClickDataset(iter(pairs), COMPACT, weights=[1], batches_per_epoch=4)
    assert_equal(mixed[3], alone[3])


@pytest.fixture
def broken(tmp_path):
    """Photographs 1 to 3 of five cannot be used: cut off, mask of another size, mask empty."""
    directory = write_folder(tmp_path / "broken", 5)
    path = directory / "images" / "1.png"
    path.write_bytes(path.read_bytes()[:100])
    Image.fromarray(np.ones((SIZE[0], SIZE[1] - 1), np.uint8)).save(directory / "labels" / "2.png")
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(directory / "labels" / "3.png")
    return open_dataset(directory)


@pytest.mark.parametrize(
    ("name", "message"),
    [("1", "1.png is broken or cut off"), ("2", "same size"), ("3", "at least one object")],
)
def test_what_cannot_be_used_stops_with_its_name(broken, name, message):
    data = ClickDataset(broken.only({name}), PAPER)
    with pytest.raises(InputError, match=message) as caught:
        data[0]
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_used_is_left_out_and_counted_by_choice(broken):
    data = ClickDataset(broken, PAPER, unusable="skip")
    assert data.left_out == {}
    for epoch in range(2):
        for index in range(len(data)):
            data.batch(epoch, index)
    again = ClickDataset(broken, PAPER, unusable="skip")
    assert_equal(again.batch(1, 0), data.batch(1, 0))
    pickle.loads(pickle.dumps(again)).batch(0, 0)  # another process' notes are read, too
    assert [path.rpartition("/")[2] for path in data.left_out] == ["1.png", "2.png", "3.png"]
    summary = data.summary_of_left_out().splitlines()
    assert summary[0] == "3 of 5 photographs were left out."
    assert "same size" in summary[2]
    with pytest.raises(InputError, match=r"Received 100 without any"):
        ClickDataset(broken.only({"1"}), PAPER, unusable="skip")[0]
    with pytest.raises(InputError, match='"stop" or "skip"'):
        ClickDataset(broken, PAPER, unusable="ignore")


def test_objects_too_small_to_click_are_passed_over(tmp_path):
    directory = write_folder(tmp_path / "small", 2)
    labels = np.zeros(SIZE, np.uint8)
    labels[40:42, 40:42] = 1
    Image.fromarray(labels).save(directory / "labels" / "0.png")
    data = ClickDataset(open_dataset(directory), PAPER)
    for epoch in range(3):
        assert (data.batch(epoch, 0)[1] == 1).sum() > 100
    with pytest.raises(InputError, match="Photographs must show objects of 100 or more pixels"):
        ClickDataset(open_dataset(directory).only({"0"}), PAPER)[0]


@pytest.mark.parametrize("kind", ["memory", "little memory", "disk"])
def test_caches_change_no_number(dataset, tmp_path, kind, monkeypatch):
    cache = {
        "memory": MemoryCache(2**20),
        "little memory": MemoryCache(80_000),
        "disk": DiskCache(tmp_path / "cache"),
    }[kind]
    plain, cached = ClickDataset(dataset, PAPER), ClickDataset(dataset, PAPER, cache=cache)
    for epoch in range(2):
        assert_equal(cached.batch(epoch, 0), plain.batch(epoch, 0))
    pickle.loads(pickle.dumps(cached)).batch(0, 0)
    if kind == "little memory":
        assert len(cache) == 2
        assert cache.num_bytes <= cache.max_bytes
        return
    for index in range(len(cached)):
        cached[index]
    monkeypatch.setattr(
        "fctsfn_tf.data.annotated_images.read_image", None
    )  # nothing is decoded now
    assert_equal(cached.batch(0, 0), pickle.loads(pickle.dumps(cached.batch(0, 0))))


def test_a_changed_mask_is_read_anew_from_disk(tmp_path):
    dataset = open_dataset(write_folder(tmp_path / "x", 1))
    cache = DiskCache(tmp_path / "cache")
    (image,) = dataset.images
    before, objects = cache.read(image)
    np.testing.assert_array_equal(before, image.read_masks()[0])
    np.testing.assert_array_equal(cache.read(image)[1].masks[1], objects.masks[1])
    labels = np.zeros(SIZE, np.uint8)
    labels[3:50, 7:9] = 5
    Image.fromarray(labels).save(image.annotation_path)
    _, objects = cache.read(image)
    np.testing.assert_array_equal(objects.masks[5], labels == 5)
    assert list(objects.masks) == [5]
    with pytest.raises(InputError, match="must be a directory"):
        DiskCache(image.image_path)


def test_caches_keep_every_mask(tmp_path):
    """Also where an object has a file of its own, and sizes that fill no whole bytes."""
    directory = tmp_path / "x"
    (directory / "images").mkdir(parents=True)
    (directory / "masks").mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (7, 11, 3), np.uint8)).save(directory / "images/a.png")
    for number in (1, 2, 3):
        mask = np.uint8(255) * (rng.random((7, 11)) < 0.4)
        Image.fromarray(mask).save(directory / f"masks/a_{number}.png")
    for cache in (MemoryCache(10_000), DiskCache(tmp_path / "cache")):
        for image in open_dataset(directory).images:
            for pixels, objects in (cache.read(image), cache.read(image)):
                expected_pixels, expected = image.read_masks()
                np.testing.assert_array_equal(pixels, expected_pixels)
                np.testing.assert_array_equal(objects.masks[1], expected.masks[1])
                assert len(objects.others) == 2
                np.testing.assert_array_equal(objects.others, expected.others)


def test_bad_configurations_are_named(dataset):
    for change, message in (
        ({"click_encoding": "dots"}, "`click_encoding` must be one of"),
        ({"views": ()}, "`views` must be"),
        ({"views": ((0, 5, 1),)}, "`views` must be"),
        ({"objects_per_image": 0}, "`objects_per_image` must be"),
    ):
        with pytest.raises(InputError, match=message):
            replace(PAPER, **change)
    with pytest.raises(InputError, match="`seed` must be 0 or more"):
        ClickDataset(dataset, PAPER, seed=-1)
    with pytest.raises(IndexError, match="An epoch has"):
        ClickDataset(dataset, PAPER)[99]


def test_objects_alike_come_as_often_as_each_other(dataset):
    """A photograph of n objects comes n times an epoch; its masks are read before, once."""
    alike = replace(PAPER, are_objects_alike=True)
    counts = [len(list(image.samples())) for image in dataset.images]
    assert len(set(counts)) > 1
    data = ClickDataset(dataset, alike)
    drawn = [one for index in range(len(data)) for one in data._drawer.batch(0, index).photographs]
    photographs = len(data) * PAPER.views[0][2]
    assert len(drawn) == photographs
    seen = np.bincount(drawn, minlength=len(counts))
    # A batch more or less than an epoch's worth: the rounding of its length.
    assert abs(photographs - sum(counts)) < PAPER.views[0][2]
    assert all(abs(times - count) <= 1 for times, count in zip(seen, counts, strict=True))
    validation = ClickDataset(dataset, alike, is_training=False)
    assert len(validation) == len(ClickDataset(dataset, PAPER, is_training=False))


def test_photographs_at_their_own_size(dataset):
    """Rounded up to multiples of 32; the first batch is larger than any, for Keras to see."""
    data = ClickDataset(dataset, TSLFN_INPUT, seed=1)
    own = {
        tuple(-(-side // 32) * 32 for side in image.read()[0].shape[:2]) for image in dataset.images
    }
    sizes = [data.batch(0, index)[0]["image"].shape for index in range(len(data))]
    assert sizes[0] == (1, 672, 672, 3)
    assert {size[1:3] for size in sizes[1:]} <= own
    for index in (1, 2):
        inputs, target = data.batch(0, index)
        shares = (target != IGNORED).mean()
        assert shares > 0.5  # the canvas of before was mostly grey
        assert inputs["click_maps"].shape[:3] == target.shape[:3]
    height, width = fitted_size(1000, 500, 640, 640)
    assert (height, width) == (640, 320)


def test_own_sizes_cannot_share_a_batch():
    with pytest.raises(InputError, match="is_fitted"):
        replace(TSLFN_INPUT, views=((512, 512, 2),))
    assert TSLFN_INPUT.seen_in((64, 64, 2)).views == ((64, 64, 2),)
