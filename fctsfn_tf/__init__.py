"""Click an object in a photograph, get its mask: the networks of FCTSFN (Hu et al. 2019) in Keras.

    from fctsfn_tf import Predictor

    predictor = Predictor.from_preset()
    predictor.set_image("photo.jpg")
    mask = predictor.add_click(x=320, y=200, label=1).mask

The names below are loaded on first use, so `import fctsfn_tf` imports neither Keras nor OpenCV.
With it, `keras.models.load_model` knows every class that a file of these networks may hold.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fctsfn_tf.networks import saved_classes

if TYPE_CHECKING:
    from fctsfn_tf.clicks.click import Click
    from fctsfn_tf.data.layouts import open_dataset
    from fctsfn_tf.errors import InputError
    from fctsfn_tf.images.image_io import read_image
    from fctsfn_tf.networks.compact import freeze_backbone
    from fctsfn_tf.networks.encode_once import split
    from fctsfn_tf.networks.fctsfn import FCTSFN, SSFCN, TSLFN, TSLFNMinus, freeze_tslfn
    from fctsfn_tf.predict.config import PredictorConfig
    from fctsfn_tf.predict.predictor import Prediction, Predictor
    from fctsfn_tf.predict.preset_engine import load_engine
    from fctsfn_tf.predict.preset_files import preset_names
    from fctsfn_tf.predict.presets import load_preset, save_preset
    from fctsfn_tf.training.callbacks import ClickEvaluation
    from fctsfn_tf.training.candidate_clicks import CandidateClicks
    from fctsfn_tf.training.click_dataset import ClickDataset
    from fctsfn_tf.training.iterative_clicks import IterativeClicks
    from fctsfn_tf.training.losses import (
        NormalizedFocalAndIoULoss,
        NormalizedFocalLoss,
        SummedCrossEntropy,
    )
    from fctsfn_tf.training.paper_stages import train_msrn, train_practical, train_tslfn
    from fctsfn_tf.training.stages import TrainingData, train_compact
    from fctsfn_tf.training.streaming_metrics import MaskIoU

__version__ = "0.1.0"

__all__ = [
    "FCTSFN",
    "SSFCN",
    "TSLFN",
    "CandidateClicks",
    "Click",
    "ClickDataset",
    "ClickEvaluation",
    "InputError",
    "IterativeClicks",
    "MaskIoU",
    "NormalizedFocalAndIoULoss",
    "NormalizedFocalLoss",
    "Prediction",
    "Predictor",
    "PredictorConfig",
    "SummedCrossEntropy",
    "TSLFNMinus",
    "TrainingData",
    "freeze_backbone",
    "freeze_tslfn",
    "load_engine",
    "load_preset",
    "open_dataset",
    "preset_names",
    "read_image",
    "save_preset",
    "split",
    "train_compact",
    "train_msrn",
    "train_practical",
    "train_tslfn",
]

# Public name → the module it lives in; the same as the imports above, which only type checkers see.
_MODULES = {
    "FCTSFN": "networks.fctsfn",
    "SSFCN": "networks.fctsfn",
    "TSLFN": "networks.fctsfn",
    "CandidateClicks": "training.candidate_clicks",
    "Click": "clicks.click",
    "ClickDataset": "training.click_dataset",
    "ClickEvaluation": "training.callbacks",
    "InputError": "errors",
    "IterativeClicks": "training.iterative_clicks",
    "MaskIoU": "training.streaming_metrics",
    "NormalizedFocalAndIoULoss": "training.losses",
    "NormalizedFocalLoss": "training.losses",
    "Prediction": "predict.predictor",
    "Predictor": "predict.predictor",
    "PredictorConfig": "predict.config",
    "SummedCrossEntropy": "training.losses",
    "TSLFNMinus": "networks.fctsfn",
    "TrainingData": "training.stages",
    "freeze_backbone": "networks.compact",
    "freeze_tslfn": "networks.fctsfn",
    "load_engine": "predict.preset_engine",
    "load_preset": "predict.presets",
    "open_dataset": "data.layouts",
    "preset_names": "predict.preset_files",
    "read_image": "images.image_io",
    "save_preset": "predict.presets",
    "split": "networks.encode_once",
    "train_compact": "training.stages",
    "train_msrn": "training.paper_stages",
    "train_practical": "training.paper_stages",
    "train_tslfn": "training.paper_stages",
}
# Modules under a name of their own: `recipes.COMPACT_INPUT`.
_SHORT_NAMES = {"recipes": "training.recipes"}
# Room → those of its modules that once lay beside one another; after a colon, the earlier name
# where it was another. `fctsfn_tf.losses` is `fctsfn_tf.training.losses` still, with a
# DeprecationWarning.
_EARLIER = {
    "clicks": "click_maps clicks_file",
    "images": "graph_cut image_io",
    "networks": "compact encode_once fctsfn:model folding layers quantization",
    "predict": "config predictor segmenting views",
    "data": "annotated_images benchmark_sets image_cache layouts:dataset_layouts "
    "readers:dataset_readers tfds_builders",
    "evaluation": "baselines comparison metrics plots results robot_user segmenters",
    "training": "augmentation callbacks checkpoints click_dataset clusters iterative_clicks "
    "loop:training_loop losses optimizers recipes simulation streaming_metrics",
    "export": "tfjs_converter",
    "commands": "cli",
}


class _EarlierModules(MetaPathFinder, Loader):
    """Finds a module under the name that it had before the rooms: the very same module."""

    def __init__(self) -> None:
        self._names = {}
        for room, modules in _EARLIER.items():
            for module in modules.split():
                now, _, earlier = module.partition(":")
                self._names[f"{__name__}.{earlier or now}"] = f"{__name__}.{room}.{now}"

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in self._names else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        now = self._names[spec.name]
        message = f"{spec.name} has moved: import {now} instead."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        self._module = import_module(now)
        self._spec = self._module.__spec__
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        # It was executed under its present name, which the import system has just replaced.
        module.__spec__ = self._spec


sys.meta_path.append(_EarlierModules())
saved_classes.register()


def __getattr__(name: str) -> Any:
    """The public name `name`, imported from its module (PEP 562)."""
    if name not in {**_SHORT_NAMES, **_MODULES}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    errors = import_module(f"{__name__}.errors")
    try:
        with errors.explaining_backend():
            if name in _SHORT_NAMES:
                value = import_module(f"{__name__}.{_SHORT_NAMES[name]}")
            else:
                value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    except errors.InputError as error:
        raise ImportError(str(error)) from None
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "keras":
            raise
        raise ImportError(
            f"'{name}' needs Keras, which is not installed. Install it with a backend: "
            "pip install 'fctsfn-tf[tensorflow]' (or [jax], [torch])."
        ) from None
    globals()[name] = value  # so the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
