"""What predicts without Keras: the Predictor over any engine, and all that it stands on."""

import json
import os
import subprocess
import sys
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
