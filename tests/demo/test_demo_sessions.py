"""demo/sessions.py and demo/pictures.py: what visitors have open, its limits, and what they see."""

import base64
import gc
import io
import json
import sys
import threading
import weakref
import zlib
from dataclasses import replace

import keras
import numpy as np
import pictures
import pytest
import sessions
from keras import layers
from PIL import Image
from sessions import Limits, Networks, SessionStore, Turn

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.graph_cut import graph_cut
from fctsfn_tf.images.image_io import read_image
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.predictor import Predictor

HEIGHT, WIDTH = 48, 80
NOISE_BYTES = 3 * HEIGHT * WIDTH + 1000  # at most, of a file of noise
CONFIG = PredictorConfig(working_size=96, zoom_in=False, graph_cut_smoothness=20.0)
LIMITS = Limits(clicks=5, objects=2, photograph_pixels=HEIGHT * WIDTH)


def bright_network(gain):
    """A network whose logit is gain × (mean of RGB − 128) / 64, plus 3 × positive − 3 × negative
    disks: the object is what is bright."""
    image = layers.Input((None, None, 3), name="image")
    click_maps = layers.Input((None, None, 3), name="click_maps")
    brightness, said = layers.Conv2D(1, 1), layers.Conv2D(1, 1, use_bias=False)
    features = layers.Identity(name="image_features_0_brightness")(brightness(image))
    logits = layers.Add(name="logits")([features, said(click_maps)])
    model = keras.Model({"image": image, "click_maps": click_maps}, logits)
    brightness.set_weights([np.full((1, 1, 3, 1), gain / 192), np.full(1, -2.0 * gain)])
    said.set_weights([np.array([3.0, -3.0, 0.0]).reshape(1, 1, 3, 1)])
    return model


class MeaningEngine(Engine):
    """A first click means squares around it of half sides 8, 4 and 12; further clicks add to what
    was there."""

    name = "meanings"
    num_click_maps = 3
    num_candidates = 2

    def encode(self, image):
        return image.mean()

    def click(self, features, click_maps):
        on, off, before = np.moveaxis(click_maps, -1, 0)
        return 6 * before - 3 + 9 * on - 9 * off

    def answers(self, features, click_maps):
        rows, cols = np.nonzero(click_maps[..., 0])
        masks = np.full((3, *click_maps.shape[:2]), -9.0, np.float32)
        row, col = round(rows.mean()), round(cols.mean())
        for mask, half in zip(masks, (8, 4, 12), strict=True):
            mask[row - half : row + half, col - half : col + half] = 9.0
        return masks, np.array([1.0, 0.5, 0.0], np.float32)


class BrightNetworks(Networks):
    """Two networks without weights on disk; `made` are the predictors, oldest first."""

    def __init__(self):
        self._models = {"mild": bright_network(1.0), "harsh": bright_network(8.0)}
        self.made = []

    def threshold(self, name):
        return CONFIG.threshold

    def reads_masks(self, name):
        return True

    def predictor(self, preset):
        predictor = Predictor(self._models[preset], CONFIG)
        self.made.append(weakref.ref(predictor))
        return predictor


@pytest.fixture(scope="module")
def networks():
    return BrightNetworks()


@pytest.fixture
def store(networks):
    return SessionStore(networks, LIMITS, "mild")


@pytest.fixture
def photograph(tmp_path):
    """A file of noise: many probabilities, and a mask that differs from every other one."""
    return noise_file(tmp_path / "noise.png", seed=0)


@pytest.fixture
def session(store, photograph):
    with store.use("me") as session:
        session.open(photograph)
    return session


def noise_file(path, seed, size=(HEIGHT, WIDTH)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def bare(networks, photograph, clicks, preset="mild"):
    """The predictor that no session stands around, after these clicks (x, y, label)."""
    predictor = networks.predictor(preset)
    predictor.set_image(photograph)
    predictor.predict([click[:2] for click in clicks], [click[2] for click in clicks])
    return predictor


def click_all(session, clicks):
    for click in clicks:
        session.click(*click)


CLICKS = [(10, 5, 1), (60, 40, 0), (30, 20, 1)]


# A session


def test_a_session_gives_the_predictors_mask(session, networks, photograph):
    click_all(session, CLICKS)
    expected = bare(networks, photograph, CLICKS).prediction
    assert 0.1 < expected.mask.mean() < 0.9
    np.testing.assert_array_equal(session.mask, expected.mask)
    np.testing.assert_array_equal(session.prediction.probability, expected.probability)


def test_threshold_and_graph_cut_make_the_mask_anew(session, networks, photograph):
    click_all(session, CLICKS)
    before = session.mask
    probability = session.prediction.probability
    session.set_rule(0.7, False)
    np.testing.assert_array_equal(session.mask, probability > 0.7)
    assert session.mask.sum() < before.sum()
    session.set_rule(0.7, True)
    clicks = bare(networks, photograph, CLICKS).clicks
    image = read_image(photograph)
    expected = graph_cut(probability, image, clicks, CONFIG.graph_cut_parameters)
    np.testing.assert_array_equal(session.mask, expected)
    assert (session.mask != graph_cut(probability, image, clicks)).any()
    assert (session.mask != before).any()


def test_without_pymaxflow_the_threshold_stays(session, monkeypatch):
    click_all(session, CLICKS)
    before = session.mask
    monkeypatch.setitem(sys.modules, "maxflow", None)
    with pytest.raises(InputError, match="PyMaxflow"):
        session.set_rule(0.5, True)
    np.testing.assert_array_equal(session.mask, before)


@pytest.mark.parametrize("rule", [(1.0, False), (float("nan"), False), ("0.5", False), (0.5, 1)])
def test_a_rule_that_is_none_is_refused(session, rule):
    with pytest.raises(InputError, match=r"threshold|graph_cut"):
        session.set_rule(*rule)


def test_undo_redo_and_reset(session):
    click_all(session, CLICKS)
    last = session.mask
    session.undo()
    session.undo()
    assert len(session.clicks) == 1
    assert session.can_redo
    session.redo()
    session.redo()
    assert not session.can_redo
    np.testing.assert_array_equal(session.mask, last)
    session.reset()
    assert session.mask is None
    assert not session.can_redo


def test_any_click_can_be_taken_out(session, networks, photograph):
    click_all(session, CLICKS)
    session.remove_click(1)
    kept = [CLICKS[0], CLICKS[2]]
    np.testing.assert_array_equal(session.mask, bare(networks, photograph, kept).prediction.mask)
    session.remove_click(1)
    session.undo()
    np.testing.assert_array_equal(session.mask, bare(networks, photograph, kept).prediction.mask)
    session.redo()
    session.remove_click(0)
    assert session.mask is None


def test_a_negative_click_does_not_become_the_first(session):
    click_all(session, CLICKS)
    with pytest.raises(InputError, match="first click must be positive"):
        session.remove_click(0)
    assert len(session.clicks) == 3
    with pytest.raises(InputError, match="gone"):
        session.remove_click(3)


def test_objects_are_kept_and_saved_with_the_present_one(session, networks, photograph):
    session.click(*CLICKS[0])
    first = session.mask
    session.next_object(" cat\n\u200b" + "x" * 200)
    assert session.mask is None
    session.set_rule(0.8, False)
    session.click(70, 10, 1)
    second = session.mask
    index = np.asarray(Image.open(io.BytesIO(session.file("index", "dog"))))
    np.testing.assert_array_equal(index, np.where(second, 2, np.where(first, 1, 0)))
    union = np.asarray(Image.open(io.BytesIO(session.file("mask", ""))))
    np.testing.assert_array_equal(union > 0, first | second)
    cutout = np.asarray(Image.open(io.BytesIO(session.file("cutout", ""))))
    np.testing.assert_array_equal(cutout[union > 0, :3], read_image(photograph)[union > 0])
    coco = json.loads(session.file("coco", "dog"))
    assert [one["area"] for one in coco["annotations"]] == [first.sum(), second.sum()]
    assert [one["name"] for one in coco["categories"]] == ["cat" + "x" * 57, "dog"]
    assert coco["images"][0]["file_name"] == "noise.png"
    session.remove_object()
    assert session.object_masks() == []
    with pytest.raises(InputError, match="no finished object"):
        session.remove_object()


def test_the_finished_masks_come_back_as_they_were(session):
    session.click(*CLICKS[0])
    mask = session.mask
    session.next_object("")
    np.testing.assert_array_equal(session.object_masks(), [mask])


def test_nothing_is_lost_that_undo_does_not_bring_back(session, networks, photograph, tmp_path):
    click_all(session, CLICKS)
    mask = session.mask
    session.reset()
    session.undo()
    np.testing.assert_array_equal(session.mask, mask)
    session.next_object("cat")
    session.click(70, 10, 1)
    session.remove_object()
    session.undo()
    np.testing.assert_array_equal(session.object_masks(), [mask])
    before = session.photograph
    session.open(noise_file(tmp_path / "other.png", seed=3))
    assert session.photograph != before
    session.click(3, 3, 1)
    for _ in range(2):
        session.undo()
    assert session.photograph is before
    np.testing.assert_array_equal(session.object_masks(), [mask])
    assert [click.row for click in session.clicks] == [10]
    for _ in range(2):
        session.redo()
    assert session.photograph.name == "other.png"
    assert [click.row for click in session.clicks] == [3]
    assert not session.can_redo
    for _ in range(2 + 2 + len(CLICKS)):
        session.undo()
    assert not session.can_undo
    with pytest.raises(InputError, match="nothing to undo"):
        session.undo()


def test_work_that_slept_is_as_it_was(session, networks, photograph):
    click_all(session, CLICKS[:2])
    session.next_object("first")
    click_all(session, CLICKS)
    session.undo()
    mask, objects = session.mask.copy(), session.object_masks()
    made = len(networks.made)
    session.sleep()
    gc.collect()
    assert session.awake_pixels == 0
    assert networks.made[made - 1]() is None
    np.testing.assert_array_equal(session.mask, mask)
    np.testing.assert_array_equal(session.object_masks(), objects)
    session.sleep()
    session.redo()
    expected = bare(networks, photograph, CLICKS).prediction
    np.testing.assert_array_equal(session.mask, expected.mask)
    assert session.awake_pixels == HEIGHT * WIDTH


@pytest.fixture
def meaning_session(networks, photograph, monkeypatch):
    """With a network whose first click may mean three masks; "harsh" has no such choice."""
    engine = MeaningEngine()
    made = {"mild": lambda: Predictor(engine, CONFIG), "harsh": lambda: networks.predictor("harsh")}
    chosen = BrightNetworks()
    monkeypatch.setattr(chosen, "predictor", lambda name: made[name]())
    with SessionStore(chosen, LIMITS, "mild").use("me") as session:
        session.open(photograph)
    return session


def test_the_masks_that_a_first_click_may_have_meant_are_chosen_and_undone(meaning_session):
    session = meaning_session
    session.click(30, 20, 1)
    masks = [session.mask]
    assert len(session.prediction.candidates) == 2
    for candidate in (1, 2):
        session.choose(candidate)
        masks.append(session.mask)
    assert len({mask.sum() for mask in masks}) == 3
    session.click(60, 40, 1)  # goes on from the one that was chosen
    refined = session.mask
    assert (refined & masks[2]).sum() == masks[2].sum() < refined.sum()
    assert session.prediction.candidates == ()
    session.sleep()
    np.testing.assert_array_equal(session.mask, refined)
    for candidate in (2, 1, 0):
        session.undo()
        assert session.candidate == candidate
        np.testing.assert_array_equal(session.mask, masks[candidate])
    for candidate in (1, 2):
        session.redo()
        np.testing.assert_array_equal(session.mask, masks[candidate])
    session.redo()
    np.testing.assert_array_equal(session.mask, refined)


def test_a_chosen_mask_goes_with_its_first_click(meaning_session):
    session = meaning_session
    click_all(session, [(30, 20, 1)])
    session.choose(2)
    click_all(session, [(60, 40, 1)])
    session.remove_click(0)
    assert session.candidate == 0
    session.undo()
    session.set_preset("harsh")  # which has nothing to choose from
    harsh = session.mask
    session.undo()
    session.redo()
    np.testing.assert_array_equal(session.mask, harsh)


@pytest.mark.parametrize("candidate", [3, -1, True, "1", None])
def test_a_mask_that_is_not_there_cannot_be_chosen(meaning_session, candidate):
    meaning_session.click(30, 20, 1)
    with pytest.raises(InputError, match="from 0 to 2 here"):
        meaning_session.choose(candidate)
    assert meaning_session.candidate == 0


def test_an_object_can_start_from_a_mask(session, tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:30, 20:60] = True
    Image.fromarray(mask).save(tmp_path / "mask.png")
    session.start_from_mask(tmp_path / "mask.png")
    np.testing.assert_array_equal(session.mask, mask)
    session.click(25, 20, 0)
    assert not session.mask[20, 25]
    session.undo()
    np.testing.assert_array_equal(session.mask, mask)
    session.sleep()
    np.testing.assert_array_equal(session.mask, mask)
    session.undo()
    assert session.mask is None
    small = noise_file(tmp_path / "small.png", 0, (9, 9))
    with pytest.raises(InputError, match=r"scan\.png") as caught:
        session.start_from_mask(small, "scan.png")
    assert str(tmp_path) not in str(caught.value)
    assert session.mask is None


def test_an_object_can_start_from_a_box(session):
    session.start_from_box(20, 10, 60, 39)
    middle, *beside = session.clicks
    assert (middle.col, middle.row, middle.is_positive) == (40, 24, True)
    assert [(click.col, click.row) for click in beside] == [(13, 24), (67, 24), (40, 5), (40, 44)]
    assert not any(click.is_positive for click in beside)
    assert session.mask[24, 40]
    assert not session.mask[44, 40]
    session.undo()
    assert session.mask is None
    session.start_from_box(0, 0, WIDTH - 1, HEIGHT - 1)
    assert len(session.clicks) == 1  # there is nothing beside it
    for box in ((5, 5, 5, 9), (9, 9, 5, 5), (0, 0, WIDTH, 9), ("a", 0, 9, 9), (0, 0, None, 9)):
        with pytest.raises(InputError):
            session.start_from_box(*box)


def test_a_box_without_a_network_that_reads_masks_is_clicks(photograph):
    session = sessions.Session(Networks(), LIMITS, "grabcut")
    session.open(photograph)
    session.start_from_box(20, 10, 60, 39)
    assert len(session.clicks) == 5
    assert not session.starts_from_mask


def test_grabcut_stands_beside_the_networks(photograph):
    session = sessions.Session(Networks(), LIMITS, "grabcut")
    session.open(photograph)
    session.click(*CLICKS[0])
    session.click(*CLICKS[1])
    mask = session.mask.copy()
    assert mask[5, 10]
    assert not mask[40, 60]
    session.sleep()
    np.testing.assert_array_equal(session.mask, mask)
    session.undo()
    session.redo()
    np.testing.assert_array_equal(session.mask, mask)
    with pytest.raises(InputError, match="starts from clicks"):
        session.start_from_mask(noise_mask(photograph.parent))


def noise_mask(folder):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:9, 5:9] = True
    Image.fromarray(mask).save(folder / "noise_mask.png")
    return folder / "noise_mask.png"


def test_limits_of_clicks_and_objects(session):
    for _ in range(LIMITS.objects):
        session.click(*CLICKS[0])
        session.next_object("")
    for count in range(LIMITS.clicks):
        session.click(count, 3, 1)
    with pytest.raises(InputError, match="5 clicks"):
        session.click(3, 3, 1)
    with pytest.raises(InputError, match="2 objects"):
        session.next_object("")
    with pytest.raises(InputError, match="5 clicks"):
        session.set_clicks([[1, 1]] * 6, [1] * 6)
    with pytest.raises(InputError, match="5 clicks"):
        session.set_clicks([[1, 1]], [1] * 10_000_000)
    assert len(session.clicks) == LIMITS.clicks


@pytest.mark.parametrize(
    ("points", "labels"),
    [([], []), ([[1, 2]], [0]), ([[float("nan"), 2]], [1]), ([[WIDTH, 2]], [1]), ("ab", [1]),
     ([[1, 2]], {"a": 1}), ([[1, 2, 3]], [1]), ([[1, 2]], [None]), ([["1", []]], [1])],
)  # fmt: skip
def test_clicks_that_are_none_are_refused(session, points, labels):
    with pytest.raises(InputError):
        session.set_clicks(points, labels)
    assert session.mask is None


def test_a_first_click_beside_the_object_is_explained(session):
    with pytest.raises(InputError, match="on the object first"):
        session.click(3, 3, 0)


def test_what_needs_a_photograph_says_so(store):
    with store.use("nobody") as session:
        for work in (session.undo, session.redo, session.reset, session.remove_object):
            with pytest.raises(InputError, match="no photograph"):
                work()
        with pytest.raises(InputError, match="no photograph"):
            session.file("mask", "")
    with pytest.raises(InputError, match="no photograph"):
        session.click(1, 1, 1)


def test_a_file_that_cannot_be_used_changes_nothing(session, tmp_path):
    click_all(session, CLICKS)
    broken = tmp_path / "secret" / "broken.jpg"
    broken.parent.mkdir()
    broken.write_bytes(b"\xff\xd8nonsense")
    with pytest.raises(InputError, match=r"broken\.jpg") as caught:
        session.open(broken)
    assert "secret" not in str(caught.value)
    large = noise_file(tmp_path / "large.png", seed=1, size=(HEIGHT + 1, WIDTH))
    with pytest.raises(InputError, match="megapixels"):
        session.open(large)
    assert len(session.clicks) == 3


def test_the_same_file_is_read_once(session, photograph, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(sessions, "read_image", lambda path: read.append(path) or read_image(path))
    session.open_once(photograph)
    assert read == []
    session.open_once(noise_file(tmp_path / "other.png", seed=3))
    assert len(read) == 1


def test_another_network_makes_the_same_clicks_again(session, networks, photograph):
    click_all(session, CLICKS)
    before = session.prediction.probability
    session.set_preset("harsh")
    expected = bare(networks, photograph, CLICKS, "harsh").prediction
    np.testing.assert_array_equal(session.prediction.probability, expected.probability)
    assert (before != expected.probability).any()


@pytest.mark.parametrize("preset", ["nothing", "../compact", "/etc", "hf://somebody/network", None])
def test_only_names_of_presets_are_followed(preset):
    with pytest.raises(InputError, match="preset must be one of"):
        Networks().predictor(preset)


# Many visitors


def test_visitors_never_see_each_other(store, networks, tmp_path):
    files = [noise_file(tmp_path / f"{seed}.png", seed) for seed in range(4)]
    clicks = [[(10 + 9 * seed, 5 + 7 * seed, 1), (70 - 9 * seed, 40, 0)] for seed in range(4)]
    failures = []

    def visit(number):
        try:
            with store.use(f"visitor {number}") as session:
                session.open(files[number])
            for click in clicks[number]:
                with store.use(f"visitor {number}") as session:
                    session.click(*click)
            expected = bare(networks, files[number], clicks[number]).prediction
            np.testing.assert_array_equal(session.mask, expected.mask)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def visit(store, key, photograph):
    with store.use(key) as session:
        session.open(photograph)


@pytest.mark.parametrize(
    "limits",
    [
        replace(LIMITS, busy_seconds=-1, sessions=2),
        replace(LIMITS, busy_seconds=-1, total_bytes=2 * NOISE_BYTES),
    ],
    ids=["sessions", "bytes"],
)
def test_the_oldest_session_makes_room(networks, photograph, limits):
    store = SessionStore(networks, limits, "mild")
    visit(store, "a", photograph)
    visit(store, "b", photograph)
    with store.use("a"):
        pass  # now b was left alone for longest
    visit(store, "c", photograph)
    with store.use("b") as session:
        assert session.photograph is None
    with store.use("c") as session:
        assert session.photograph is not None


def test_who_is_busy_keeps_the_photograph(networks, photograph):
    store = SessionStore(networks, replace(LIMITS, sessions=2), "mild")
    visit(store, "a", photograph)
    visit(store, "b", photograph)
    for number in range(50):
        with store.use(f"empty {number}") as session:
            assert session.photograph is None
    with pytest.raises(InputError, match="in a few minutes"):
        visit(store, "c", photograph)
    visit(store, "a", photograph)
    for key in "ab":
        with store.use(key) as session:
            assert session.photograph is not None
    assert len(store) == 2


def test_beyond_the_memory_photographs_sleep_and_none_is_lost(networks, photograph):
    limits = replace(LIMITS, awake_pixels=2 * HEIGHT * WIDTH)
    store = SessionStore(networks, limits, "mild")
    expected = bare(networks, photograph, CLICKS).prediction.mask
    for key in "abcd":
        visit(store, key, photograph)
    for click in CLICKS:
        for key in "abcd":
            with store.use(key) as session:
                session.click(*click)
                if click == CLICKS[-1]:
                    np.testing.assert_array_equal(session.mask, expected)
    awake = [entry.session.awake_pixels for entry in store._entries.values()]
    assert awake == [0, 0, HEIGHT * WIDTH, HEIGHT * WIDTH]


def test_who_waits_for_a_turn_sleeps_meanwhile(networks, photograph):
    limits = replace(LIMITS, awake_pixels=HEIGHT * WIDTH, running=1)
    store = SessionStore(networks, limits, "mild")
    for key in "ab":
        visit(store, key, photograph)
    clicked = []

    def click():
        with store.use("b") as session:
            pixels = session.awake_pixels
            session.click(*CLICKS[0])
            clicked.append((pixels, session.mask))

    with store.use("a") as session:
        session.click(*CLICKS[0])
        waiting = threading.Thread(target=click)
        waiting.start()
        while store._entries["b"].num_users == 0:
            pass
        mask = session.mask
    waiting.join()
    ((pixels, clicked_mask),) = clicked
    assert pixels == 0
    np.testing.assert_array_equal(clicked_mask, mask)
    assert store._entries["a"].session.awake_pixels == 0


def test_who_left_is_forgotten_unless_the_page_is_loaded_again(networks, photograph):
    store = SessionStore(networks, replace(LIMITS, left_seconds=-1), "mild")
    for key in "ab":
        visit(store, key, photograph)
        store.left(key)
    with store.use("b") as session:
        assert session.photograph is not None
    store.left("never came")
    store.close_idle()
    assert len(store) == 1
    with store.use("a") as session:
        assert session.photograph is None


def test_idle_sessions_are_freed(networks, photograph):
    store = SessionStore(networks, replace(LIMITS, idle_seconds=-1.0), "mild")
    visit(store, "idle", photograph)
    predictor = networks.made[-1]
    assert predictor() is not None
    store.close_idle()
    gc.collect()
    assert len(store) == 0
    assert predictor() is None
    store = SessionStore(networks, LIMITS, "mild")
    visit(store, "busy", photograph)
    store.close_idle()
    assert len(store) == 1
    store.close("busy")
    store.close("never came")
    assert len(store) == 0


def test_too_many_waiting_are_refused():
    turn, inside, leave = Turn(1, 1, "too many"), threading.Event(), threading.Event()
    done = []

    def work():
        with turn:
            inside.set()
            leave.wait(10)
            done.append(1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    while turn._places._value:
        pass
    with pytest.raises(InputError, match="too many"), turn:
        pass
    leave.set()
    for thread in threads:
        thread.join()
    assert len(done) == 2
    with turn:
        pass


def test_one_visitor_cannot_take_all_turns(networks):
    store = SessionStore(networks, replace(LIMITS, running=4, waiting_per_session=0), "mild")
    with store.use("hasty"):
        with pytest.raises(InputError, match="faster"), store.use("hasty"):
            pass
        with store.use("another"):
            pass


def test_a_turn_ends_with_an_error(store):
    for _ in range(LIMITS.running + LIMITS.waiting + 1):
        with pytest.raises(ZeroDivisionError), store.use("me"):
            raise ZeroDivisionError
    with store.use("me"):
        pass


# What the page shows


def decoded(url):
    """The picture of a data URL, uint8 (H, W, 3)."""
    content = base64.b64decode(url.split(",", 1)[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def numbers(plane):
    """The numbers of a plane, uint8 (H, W), read as its description says."""
    height, width, bits = plane["height"], plane["width"], plane["bits"]
    rows = np.frombuffer(zlib.decompress(base64.b64decode(plane["data"])), np.uint8)
    rows = rows.reshape(height, -1)
    return rows if bits == 8 else np.unpackbits(rows, axis=1, count=width)


def test_a_mask_is_shown_pixel_by_pixel():
    mask = np.random.default_rng(0).random((37, 61)) > 0.9
    np.testing.assert_array_equal(numbers(pictures.mask_plane(mask)), mask)


def test_objects_are_shown_in_turn_later_ones_above():
    masks = [np.zeros((20, 30), bool) for _ in range(2)]
    masks[0][2:15, 2:20] = True
    masks[1][10:18, 10:28] = True
    shown = numbers(pictures.objects_plane(masks))
    assert shown[5, 5] == 1
    assert shown[12, 12] == 2
    assert shown[0, 29] == 0
    assert pictures.objects_plane([]) is None


@pytest.mark.parametrize(
    ("size", "shown"), [((3000, 4000), (1200, 1600)), ((4000, 1), (1600, 1)), ((9, 14), (9, 14))]
)
def test_large_photographs_are_shown_small(size, shown):
    assert decoded(pictures.photograph_url(np.zeros((*size, 3), np.uint8))).shape[:2] == shown
    mask = np.zeros(size, bool)
    mask[: size[0] // 2] = True
    picture = numbers(pictures.mask_plane(mask))
    assert picture.shape == shown
    assert abs((picture > 0).mean() - mask.mean()) < 0.01
    assert numbers(pictures.objects_plane([mask])).shape == shown


def test_a_probability_is_sent_from_0_to_255():
    probability = np.linspace(0, 1, 100, dtype=np.float32)[None].repeat(40, axis=0)
    shown = numbers(pictures.probability_plane(probability))
    assert (shown[20, 0], shown[20, 99]) == (0, 255)
    assert np.abs(shown / 255 - probability).max() < 0.01
    large = pictures.probability_plane(np.zeros((900, 1200), np.float32))
    assert (large["height"], large["width"]) == (480, 640)


def test_a_photograph_is_shown_in_its_colours():
    image = np.zeros((16, 24, 3), np.uint8)
    image[..., 0] = 200
    assert np.abs(decoded(pictures.photograph_url(image)).astype(int) - image).max() < 8
