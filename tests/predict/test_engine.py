"""What predicts without Keras: the Predictor over any engine, and all that it stands on."""

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from example_engine import BrightEngine

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.predictor import Predictor

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
from importlib import import_module
from pathlib import Path

package = Path(sys.argv[1])
with_keras = {"fctsfn_tf.predict.keras_engine", "fctsfn_tf.predict.presets"}
for room in ("clicks", "images", "predict"):
    for path in sorted((package / room).glob("*.py")):
        name = f"fctsfn_tf.{room}.{path.stem}"
        if name not in with_keras:
            import_module(name)
import numpy as np
from example_engine import BrightEngine
from fctsfn_tf.predict.preset_files import preset_config
from fctsfn_tf.predict.predictor import Predictor

predictor = Predictor(BrightEngine(), preset_config())
image = np.full((60, 90, 3), 40, np.uint8)
image[20:40, 30:60] = 220
predictor.set_image(image)
mask = predictor.add_click(40, 30, 1).mask
loaded = {"keras", "tensorflow", "jax", "torch"} & set(sys.modules)
print(json.dumps([sorted(loaded), int(mask.sum()), bool(mask[30, 40]), bool(mask[5, 5])]))
"""


def test_segments_without_keras_or_any_backend():
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "fctsfn_tf")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert result.returncode == 0, result.stderr
    loaded, pixels, on_object, off_object = json.loads(result.stdout)
    assert loaded == []
    assert 500 < pixels < 700
    assert on_object
    assert not off_object


def test_the_predictor_uses_the_engine_it_is_given():
    engine = BrightEngine()
    predictor = Predictor(engine, PredictorConfig(working_size=96, zoom_in=False))
    predictor.set_image(np.zeros((64, 96, 3), np.uint8))
    assert engine.encoded == [(64, 96, 3)]
    predictor.predict([(3, 4), (50, 40)], [1, 0])
    assert (len(engine.encoded), engine.num_clicks) == (1, 2)


def test_the_engine_must_fit_the_configuration():
    with pytest.raises(InputError, match=r"maps of the network.*'bright' with 2"):
        Predictor(BrightEngine(num_click_maps=2), PredictorConfig())


def test_an_engine_has_both_parts():
    class Half(Engine):
        def encode(self, image):
            return image

    with pytest.raises(TypeError, match="click"):
        Half()


# ---- Threads and copies ------------------------------------------------------------------------

CONFIG = PredictorConfig(working_size=96, zoom_in=False)


def picture(left):
    """A dark photograph with a bright square whose left side is at `left`."""
    image = np.full((64, 96, 3), 40, np.uint8)
    image[20:40, left : left + 20] = 220
    return image


def in_thread(work):
    """What `work` returns or raises in a thread of its own."""
    found = []

    def run():
        try:
            found.append(work())
        except InputError as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_never_gets_the_mask_of_another_threads_photograph():
    predictor = Predictor(BrightEngine(), CONFIG)
    predictor.set_image(picture(10))
    predictor.add_click(20, 30, 1)
    # A thread that has no photograph of its own goes on with the one that is there.
    assert in_thread(lambda: predictor.add_click(20, 30, 1).mask[30, 20])
    assert len(predictor.clicks) == 2
    in_thread(lambda: predictor.set_image(picture(60)))
    calls = {
        "add_click": (20, 30, 1),
        "predict": ([(20, 30)], [1]),
        "undo": (),
        "redo": (),
        "reset": (),
        "set_mask": (None,),
    }
    for name, arguments in calls.items():
        with pytest.raises(InputError, match="Another thread has set another photograph"):
            getattr(predictor, name)(*arguments)
    for name in ("image", "image_size", "clicks", "prediction"):
        with pytest.raises(InputError, match="Predictor of its own"):
            getattr(predictor, name)
    predictor.set_image(picture(10))
    assert predictor.add_click(20, 30, 1).mask[30, 20]


def test_one_call_waits_for_another():
    """The second click is made with the first one's answer, or it would be lost."""
    began, may_go_on = threading.Event(), threading.Event()

    class SlowEngine(BrightEngine):
        def click(self, features, click_maps):
            began.set()
            assert may_go_on.wait(60)
            return super().click(features, click_maps)

    predictor = Predictor(SlowEngine(), CONFIG)
    predictor.set_image(picture(10))
    first, second = (
        threading.Thread(target=predictor.add_click, args=(x, 30, 1)) for x in (20, 25)
    )
    first.start()
    assert began.wait(60)
    second.start()
    may_go_on.set()
    for thread in (first, second):
        thread.join()
    assert [click.pixel for click in predictor.clicks] == [(30, 20), (30, 25)]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_goes_on_by_itself(copied):
    predictor = Predictor(BrightEngine(), CONFIG)
    empty = copied(predictor)
    with pytest.raises(InputError, match="no image yet"):
        empty.add_click(20, 30, 1)
    predictor.set_image(picture(10))
    predictor.predict([(20, 30), (80, 10)], [1, 0])
    predictor.undo()
    other = copied(predictor)
    np.testing.assert_array_equal(other.prediction.probability, predictor.prediction.probability)
    assert not other.prediction.mask.flags.writeable
    assert (other.clicks, other.image_size) == (predictor.clicks, (64, 96))
    other.redo()
    other.add_click(50, 50, 0)  # needs the features, which did not come along
    assert len(other.clicks) == 3
    np.testing.assert_array_equal(other.image, predictor.image)
    other.set_image(picture(60))
    assert len(predictor.clicks) == 1
    np.testing.assert_array_equal(
        predictor.redo().probability, predictor.predict([(20, 30), (80, 10)], [1, 0]).probability
    )


def test_a_deep_copy_shares_the_engine():
    engine = BrightEngine()
    other = copy.deepcopy(Predictor(engine, CONFIG))
    other.set_image(picture(10))
    assert engine.encoded
