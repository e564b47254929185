"""Keras can load a saved model of this package after `import fctsfn_tf` alone.

Keras looks the classes that a file names up among those registered with it, and a class is
registered when its module is imported. Importing them all, and Keras, takes seconds, which a
program that loads no model should not wait. So Keras is told only where each class is: a stand-in
under its name imports it when a file asks for it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGE = "fctsfn_tf"
# Module → its classes with `@keras.saving.register_keras_serializable(package=PACKAGE)`.
CLASSES = {
    "networks.layers": (
        "BilinearUpsampling",
        "CropLike",
        "ForegroundLogit",
        "FreezableDropout",
        "MeanSubtraction",
        "PadToMultiple",
        "RepeatBatch",
    ),
    "networks.click_network": ("ClickNetwork",),
    "networks.encode_once": ("ImagePart",),
    "networks.compact": ("ClickAttention",),
    "networks.compact_lite": ("ClickPrototypes", "ClickResemblance", "MaskStatistics"),
    "training.losses": (
        "AuxiliaryLoss",
        "NormalizedFocalAndIoULoss",
        "NormalizedFocalLoss",
        "SoftIoULoss",
        "SummedCrossEntropy",
    ),
    "training.optimizers": ("CaffeSGD", "SlowerAdamW"),
    "training.streaming_metrics": ("MaskIoU",),
    "training.candidate_clicks": ("CandidateClicks",),
    "training.iterative_clicks": ("IterativeClicks",),
}


class StandIn:
    """In Keras' registry in the place of a class, until the import of its module puts it there."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def from_config(self, config: dict[str, Any]) -> Any:
        """All that Keras wants of the class of a saved object: the object."""
        return getattr(import_module(self._module), self._name).from_config(config)


def register() -> None:
    """Put the stand-ins into Keras' registry: now, or as soon as the program imports Keras."""
    if sys.modules.get("keras"):
        _register_with(import_module("keras"))  # which waits for a thread that is importing it
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register_with(keras: ModuleType) -> None:
    registry = keras.saving.get_custom_objects()
    for module, names in CLASSES.items():
        for name in names:
            registry.setdefault(f"{PACKAGE}>{name}", StandIn(f"{PACKAGE}.{module}", name))


class _AfterKeras(MetaPathFinder):
    """Finds Keras as the other finders do, and registers the stand-ins once it is imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != "keras":
            return None
        others = (one for one in sys.meta_path if one is not self and hasattr(one, "find_spec"))
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            sys.meta_path.remove(self)
            _register_with(module)

        spec.loader.exec_module = exec_module
        return spec
