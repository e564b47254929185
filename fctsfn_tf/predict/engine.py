"""`Engine`: what runs the two parts of a network for a `Predictor`; arrays in, arrays out.

Nothing else in this room knows what a network is made of: `litert_engine` runs its exported parts,
`keras_engine` the network itself (only that module and `presets` import Keras), and `preset_engine`
chooses between the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Engine(ABC):
    """Image part and click part of one network.

    It keeps no state of a photograph: many Predictors may share one, each in a thread of its own,
    and a copy of a Predictor shares its engine. It can be pickled.

    Attributes:
        name: of the network, for messages.
        num_click_maps: channels C of the click maps that the network reads.
        num_candidates: masks n that it gives beside its answer for what a first click may have
            meant; with them comes a predicted IoU. 0 for networks that have neither.
    """

    name: str
    num_click_maps: int
    num_candidates: int = 0

    @abstractmethod
    def encode(self, image: np.ndarray) -> Any:
        """The image part: what `click` needs of an image, ready when this returns.

        Args:
            image: (height, width, 3) float32 RGB in [0, 255]; both sides are multiples of 32.
        """

    @abstractmethod
    def click(self, features: Any, click_maps: np.ndarray) -> np.ndarray:
        """The click part: the logits of the object, (height, width).

        Args:
            features: what `encode` returned for an image of that size.
            click_maps: (height, width, C) float32; see "Conventions" in docs/architecture.md.
        """

    def answers(self, features: Any, click_maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The click part of a network with candidates: the answer first, then the candidates.

        Args:
            features, click_maps: see `click`.

        Returns:
            Logits (1 + n, height, width), and the logits of the IoU that each of them is expected
            to have with all of the object, (1 + n,).
        """
        raise NotImplementedError(f"'{self.name}' has no candidates.")

    def __deepcopy__(self, memo: dict) -> Engine:
        return self
