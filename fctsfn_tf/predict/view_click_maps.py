"""The click maps of the view that the network looks at, brought up to date in place."""

from __future__ import annotations

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import CLICK_ENCODINGS, DISTANCES, DistanceMaps, draw_disk
from fctsfn_tf.predict.views import View


class ViewClickMaps:
    """Remembers the latest maps, so that one more click in the same view costs only itself.

    Args:
        click_encoding: a key of `CLICK_ENCODINGS`.
    """

    def __init__(self, click_encoding: str) -> None:
        self._click_encoding = click_encoding
        self._view: View | None = None
        self._clicks: tuple[Click, ...] = ()

    def of(self, view: View, clicks: tuple[Click, ...]) -> np.ndarray:
        """The maps of all clicks in a view, (view.height, view.width, C) float32.

        Channels: see "Conventions" in docs/architecture.md. They stay this object's, and the next
        call changes them; a channel that holds no clicks is the caller's to write.

        Args:
            clicks: in pixels of the photograph, oldest first.
        """
        if (self._view, self._clicks) != (view, clicks[:-1]):
            self._start(view)
        for click in clicks[len(self._clicks) :]:
            self._add(view.click_in(click))
        self._clicks = clicks
        return self._maps

    def _start(self, view: View) -> None:
        self._view, self._clicks = view, ()
        if self._click_encoding == DISTANCES:
            self._distances = DistanceMaps(view.height, view.width)
            self._maps = self._distances.maps
        else:
            channels = CLICK_ENCODINGS[self._click_encoding]
            self._maps = np.zeros((view.height, view.width, channels), np.float32)

    def _add(self, click: Click) -> None:
        if self._click_encoding == DISTANCES:
            self._distances.add(click)
        else:
            draw_disk(self._maps, click)
