"""What several test files share."""

import os
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
# What takes longest begins first, so that at the end no process waits for another one.
LONGEST = (
    "demo/test_demo.py",
    "training/test_paper_stages.py",
    "training/test_fit.py",
    "training/test_resuming.py",
    "house/test_package.py",
    "commands/test_train.py",
    "export/test_export.py",
    "house/test_readme.py",
    "house/test_tutorials.py",
    "house/test_public_names.py",
    "training/test_distribution.py",
    "training/test_compact_training.py",
    "predict/test_presets.py",
    "evaluation/test_ray.py",
)


def pytest_collection_modifyitems(items):
    places = {ROOT / "tests" / file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session")
def research_data() -> Path:
    """The folder of research data, which is never part of the package; skips where it is absent."""
    data = Path(os.environ.get("FCTSFN_DATA", ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        pytest.skip("the research data is not here; name its folder in FCTSFN_DATA")
    return data


@pytest.fixture(scope="session")
def eager_steps():
    """`with eager_steps():` few steps of training, quicker than compiled ones on TensorFlow."""

    @contextmanager
    def patched():
        import keras

        compile_it = keras.Model.compile

        def compile_eagerly(model, *arguments, **options):
            compile_it(model, *arguments, **{**options, "run_eagerly": True})

        with pytest.MonkeyPatch.context() as patch:
            if keras.backend.backend() == "tensorflow":
                patch.setattr(keras.Model, "compile", compile_eagerly)
            yield

    return patched


@pytest.fixture(scope="session")
def no_litert_parts():
    """`with no_litert_parts():` presets are saved without them, which take most of the time."""

    @contextmanager
    def patched():
        from fctsfn_tf.predict import presets

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(presets, "MAX_LITERT_BYTES", 0)
            yield

    return patched


@pytest.fixture(scope="session")
def shapes_directory(tmp_path_factory) -> Path:
    """Eight photographs, 60 × 90, of two coloured ellipses on a dark ground, with label maps."""
    directory = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(0)
    for folder in ("images", "labels"):
        (directory / folder).mkdir()
    for index in range(8):
        labels = np.zeros((60, 90), np.uint8)
        for label in (1, 2):
            centre = (int(rng.integers(20, 70)), int(rng.integers(15, 45)))
            cv2.ellipse(labels, centre, (16, 9), 0, 0, 360, label, -1)
        image = np.full((60, 90, 3), 40, np.uint8)
        image[labels == 1] = (200, 180, 40)
        image[labels == 2] = (30, 120, 220)
        cv2.imwrite(str(directory / "images" / f"{index}.png"), image)
        cv2.imwrite(str(directory / "labels" / f"{index}.png"), labels)
    return directory
