"""Click an object in a photograph, get its mask: the networks of FCTSFN (Hu et al. 2019) in Keras.

    from fctsfn_tf import Predictor

    predictor = Predictor.from_preset()
    predictor.set_image("photo.jpg")
    mask = predictor.add_click(x=320, y=200, label=1).mask

The names below are loaded on first use, so `import fctsfn_tf` imports neither Keras nor OpenCV.
`fctsfn_tf.graph_cut` is the module; its function is `fctsfn_tf.graph_cut.graph_cut`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fctsfn_tf.callbacks import ClickEvaluation
    from fctsfn_tf.click_dataset import ClickDataset
    from fctsfn_tf.clicks import Click
    from fctsfn_tf.compact import freeze_backbone
    from fctsfn_tf.config import PredictorConfig
    from fctsfn_tf.dataset_layouts import open_dataset
    from fctsfn_tf.encode_once import split
    from fctsfn_tf.errors import InputError
    from fctsfn_tf.image_io import read_image
    from fctsfn_tf.iterative_clicks import IterativeClicks
    from fctsfn_tf.losses import NormalizedFocalAndIoULoss, NormalizedFocalLoss, SummedCrossEntropy
    from fctsfn_tf.model import FCTSFN, SSFCN, TSLFN, TSLFNMinus, freeze_tslfn
    from fctsfn_tf.predictor import Prediction, Predictor
    from fctsfn_tf.presets import load_preset, preset_names, save_preset
    from fctsfn_tf.streaming_metrics import MaskIoU
    from fctsfn_tf.training import TrainingData, train_compact, train_msrn, train_tslfn

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
    "FCTSFN": "model",
    "SSFCN": "model",
    "TSLFN": "model",
    "Click": "clicks",
    "ClickDataset": "click_dataset",
    "ClickEvaluation": "callbacks",
    "InputError": "errors",
    "IterativeClicks": "iterative_clicks",
    "MaskIoU": "streaming_metrics",
    "NormalizedFocalAndIoULoss": "losses",
    "NormalizedFocalLoss": "losses",
    "Prediction": "predictor",
    "Predictor": "predictor",
    "PredictorConfig": "config",
    "SummedCrossEntropy": "losses",
    "TSLFNMinus": "model",
    "TrainingData": "training",
    "freeze_backbone": "compact",
    "freeze_tslfn": "model",
    "load_preset": "presets",
    "open_dataset": "dataset_layouts",
    "preset_names": "presets",
    "read_image": "image_io",
    "save_preset": "presets",
    "split": "encode_once",
    "train_compact": "training",
    "train_msrn": "training",
    "train_tslfn": "training",
}


def __getattr__(name: str) -> Any:
    """The public name `name`, imported from its module (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value  # so the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
