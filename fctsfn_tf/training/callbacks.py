"""`ClickEvaluation`: how many clicks the network needs by now, measured while it trains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from fctsfn_tf.data.annotated_images import Sample
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import number_of_clicks
from fctsfn_tf.evaluation.one_object import evaluate_object
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.segmenters import PredictorSegment
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.predictor import Predictor

TARGETS = (0.85, 0.90)


class ClickEvaluation(keras.callbacks.Callback):
    """A robot user clicks validation objects at the end of an epoch; its numbers join the logs.

    Logs, for whatever callback comes after it in the list:

    - `val_iou@1`, `val_iou@2`, …: mean IoU after so many clicks;
    - `val_click_iou`: the mean of these, one number that rises as the network gets better;
    - `val_noc@85`, `val_noc@90`: mean number of clicks to that IoU in percent, at most
      `max_clicks`.

    Args:
        samples: the objects; they are kept in memory. A few dozen say enough.
        config: how photographs and clicks are brought to the network.
        max_clicks: clicks on each object.
        every: epochs from one evaluation to the next.

    Raises:
        InputError: no sample.

    Clicks follow the protocol `ritm` of `evaluation`, with a threshold and no graph cut.

    Examples:
        >>> import keras
        >>> from fctsfn_tf import TSLFN, ClickEvaluation, PredictorConfig, open_dataset
        >>> model = TSLFN(stride=32, alpha=0.125)
        >>> config = PredictorConfig(click_encoding="distances", working_size=96, zoom_in=False)
        >>> dataset = open_dataset("photographs").only({"7"})
        >>> clicks = ClickEvaluation(list(dataset.samples()), config, max_clicks=2)
        >>> sorted(clicks.evaluate(model))
        ['val_click_iou', 'val_iou@1', 'val_iou@2', 'val_noc@85', 'val_noc@90']
        >>> stop = keras.callbacks.EarlyStopping("val_click_iou", mode="max", patience=5)
        >>> callbacks = [clicks, stop]  # of `fit`, in this order
    """

    def __init__(
        self,
        samples: Iterable[Sample],
        config: PredictorConfig,
        max_clicks: int = 5,
        every: int = 1,
    ) -> None:
        super().__init__()
        self._samples = list(samples)
        if not self._samples:
            raise InputError("There must be at least one object to validate on. Received none.")
        self._config = replace(config, graph_cut=False)
        self._protocol = replace(PROTOCOLS["ritm"], max_clicks=max_clicks)
        self._every = every

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the numbers to `logs`."""
        if (epoch + 1) % self._every == 0 and logs is not None:
            logs.update(self.evaluate(self.model))

    def evaluate(self, model: keras.Model) -> dict[str, float]:
        """The numbers of a network, or of one within `IterativeClicks`, as they stand now."""
        network = getattr(model, "network", model)
        segment = PredictorSegment(Predictor(network, self._config))
        results = [evaluate_object(segment, one, self._protocol) for one in self._samples]
        failed = [result for result in results if result.failure is not None]
        if failed:
            raise InputError(
                f"Every validation object must be usable. Leave out '{failed[0].name}': "
                f"{failed[0].failure}."
            )
        ious = np.array([result.ious for result in results])  # (objects, clicks)
        numbers: dict[str, Any] = {
            f"val_iou@{clicks}": mean for clicks, mean in enumerate(ious.mean(axis=0), start=1)
        }
        numbers["val_click_iou"] = ious.mean()
        for target in TARGETS:
            clicks = [number_of_clicks(row, target, self._protocol.max_clicks) for row in ious]
            numbers[f"val_noc@{target * 100:.0f}"] = np.mean(clicks)
        return {name: float(value) for name, value in numbers.items()}
