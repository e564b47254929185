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
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

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
    from fctsfn_tf.predict.preset_files import preset_names
    from fctsfn_tf.predict.presets import load_preset, save_preset
    from fctsfn_tf.training.callbacks import ClickEvaluation
    from fctsfn_tf.training.click_dataset import ClickDataset
    from fctsfn_tf.training.iterative_clicks import IterativeClicks
    from fctsfn_tf.training.losses import (
        NormalizedFocalAndIoULoss,
        NormalizedFocalLoss,
        SummedCrossEntropy,
    )
    from fctsfn_tf.training.stages import TrainingData, train_compact, train_msrn, train_tslfn
    from fctsfn_tf.training.streaming_metrics import MaskIoU

__version__ = "0.1.0"

__all__ = [
    "FCTSFN",
    "SSFCN",
    "TSLFN",
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
    "load_preset",
    "open_dataset",
    "preset_names",
    "read_image",
    "save_preset",
    "split",
    "train_compact",
    "train_msrn",
    "train_tslfn",
]

# Public name → the module it lives in; the same as the imports above, which only type checkers see.
_MODULES = {
    "FCTSFN": "networks.fctsfn",
    "SSFCN": "networks.fctsfn",
    "TSLFN": "networks.fctsfn",
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
    "load_preset": "predict.presets",
    "open_dataset": "data.layouts",
    "preset_names": "predict.preset_files",
    "read_image": "images.image_io",
    "save_preset": "predict.presets",
    "split": "networks.encode_once",
    "train_compact": "training.stages",
    "train_msrn": "training.stages",
    "train_tslfn": "training.stages",
}
# Modules under a name of their own: `recipes.COMPACT_INPUT`.
_SHORT_NAMES = {"recipes": "training.recipes"}
# Those that register classes with Keras: layers, models, losses, metrics and optimisers.
_REGISTERING = (
    "networks.layers",
    "networks.compact",
    "networks.encode_once",
    "training.losses",
    "training.streaming_metrics",
    "training.optimizers",
    "training.iterative_clicks",
)


def __getattr__(name: str) -> Any:
    """The public name `name`, imported from its module (PEP 562)."""
    if name in _SHORT_NAMES:
        value = import_module(f"{__name__}.{_SHORT_NAMES[name]}")
    elif name in _MODULES:
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if "keras" in sys.modules:
        _register_with_keras()
    globals()[name] = value  # so the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _register_with_keras() -> None:
    """Import every module that registers classes, unless one of them is just being imported."""
    names = [f"{__name__}.{name}" for name in _REGISTERING]
    loaded = [sys.modules[name] for name in names if name in sys.modules]
    if not any(getattr(module.__spec__, "_initializing", False) for module in loaded):
        for name in names:
            import_module(name)


class _AfterKeras(MetaPathFinder, Loader):
    """Registers this package's classes as soon as the program imports Keras.

    Keras looks the classes of a saved model up among those that were registered, and importing
    Keras here, for a program that may never load a model, would take seconds.
    """

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        _register_with_keras()


if "keras" in sys.modules:
    _register_with_keras()
else:
    sys.meta_path.insert(0, _AfterKeras())
