"""The preset in the package: it segments real photographs, and stays within what was promised."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fctsfn_tf import Predictor, read_image
from fctsfn_tf.data.annotated_images import MIN_OBJECT_SHARE
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.runner import evaluate
from fctsfn_tf.evaluation.segmenters import PredictorSegment
from fctsfn_tf.evaluation.summary import summarise
from fctsfn_tf.predict.preset_files import DEFAULT_PRESET, PRESETS_DIRECTORY

ROOT = Path(__file__).resolve().parents[2]
# The least that the shipped preset must do: mean clicks to 90 % IoU on GrabCut below this.
PROMISED_CLICKS = 4.0
MAX_BYTES = 8_000_000


@pytest.fixture(scope="module")
def predictor():
    return Predictor.from_preset()


def test_it_is_small_and_has_a_card():
    directory = PRESETS_DIRECTORY / DEFAULT_PRESET
    # The same network for LiteRT stands beside its weights; tests/house/test_package.py weighs all.
    files = [path for path in directory.iterdir() if path.suffix != ".tflite"]
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    card = (directory / "README.md").read_text(encoding="utf-8")
    for section in ("## Training", "## Licence", "## Measured results", "## Known failures"):
        assert section in card


def test_two_clicks_take_in_the_cat_and_leave_the_room_out(predictor):
    predictor.set_image(ROOT / "examples" / "cat.jpg")
    mask = predictor.predict([(220, 120), (100, 260)], [1, 1]).mask
    # Boxes that are surely cat (face, chest) and surely not (the room at the right edge).
    assert mask[60:240, 120:260].mean() > 0.97
    assert mask[250:290, 20:120].mean() > 0.9
    assert mask[20:140, 410:450].mean() < 0.05


def test_a_mirrored_photograph_gives_nearly_the_mirrored_mask(predictor):
    predictor.set_image(ROOT / "examples" / "cat.jpg")
    mask = predictor.predict([(220, 120), (100, 260)], [1, 1]).mask
    predictor.set_image(np.ascontiguousarray(read_image(ROOT / "examples" / "cat.jpg")[:, ::-1]))
    mirrored = predictor.predict([(450 - 220, 120), (450 - 100, 260)], [1, 1]).mask[:, ::-1]
    assert (mask & mirrored).sum() / (mask | mirrored).sum() > 0.9


def test_grabcut_takes_fewer_clicks_than_promised(predictor, research_data):
    dataset = open_dataset(research_data / "test" / "grabcut")
    objects = islice(dataset.samples(MIN_OBJECT_SHARE), 12)  # the whole is `fctsfn evaluate`
    results = evaluate(
        objects, PredictorSegment(predictor), PROTOCOLS["ritm"], data="grabcut", model="compact"
    )
    assert summarise(results)["clicks_to_90"] < PROMISED_CLICKS


CAT_CLICKS = [(220, 120), (100, 260), (430, 60)], [1, 1, 0]


def overlap(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def test_another_order_of_the_clicks_gives_nearly_the_same_mask(predictor):
    predictor.set_image(ROOT / "examples" / "cat.jpg")
    points, labels = CAT_CLICKS
    expected = predictor.predict(points, labels).mask
    for order in ([1, 0, 2], [0, 2, 1], [1, 2, 0]):
        mask = predictor.predict([points[i] for i in order], [labels[i] for i in order]).mask
        assert overlap(mask, expected) > 0.9, order


def test_a_second_object_starts_clean(predictor):
    predictor.set_image(ROOT / "examples" / "coffee.jpg")
    expected = predictor.add_click(300, 120, 1).probability
    predictor.set_image(ROOT / "examples" / "coffee.jpg")
    predictor.predict([(560, 340), (100, 60)], [1, 0])
    predictor.reset()
    np.testing.assert_array_equal(predictor.add_click(300, 120, 1).probability, expected)


@pytest.mark.parametrize(("x", "y"), [(300, 60), (60, 60), (250, 280)])
def test_a_negative_click_takes_away_what_is_around_it(predictor, x, y):
    """On the cat itself, of which the network is sure: nothing is as hard to take away."""
    near = (slice(y - 10, y + 11), slice(x - 10, x + 11))
    predictor.set_image(ROOT / "examples" / "cat.jpg")
    assert predictor.predict([(220, 120), (100, 260)], [1, 1]).probability[near].mean() > 0.9
    assert predictor.add_click(x, y, 0).probability[near].mean() < 0.55


@pytest.mark.parametrize("longer_side", [200, 1000, 4000])
def test_the_mask_holds_at_other_sizes(predictor, longer_side):
    image = read_image(ROOT / "examples" / "cat.jpg")
    predictor.set_image(image)
    points, labels = CAT_CLICKS
    expected = predictor.predict(points, labels).mask
    scale = longer_side / max(image.shape[:2])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    predictor.set_image(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)))
    mask = predictor.predict([(x * scale, y * scale) for x, y in points], labels).mask
    back = Image.fromarray(mask).resize(image.shape[1::-1], Image.Resampling.NEAREST)
    assert overlap(np.asarray(back), expected) > 0.9
