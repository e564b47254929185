"""Settings as frozen dataclasses, with a source beside each number."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fctsfn_tf.clicks.click_maps import CLICK_ENCODINGS, DISKS_AND_PREVIOUS, DISTANCES
from fctsfn_tf.errors import InputError
from fctsfn_tf.images.graph_cut import DEFAULT_PARAMETERS, GraphCutParameters


@dataclass(frozen=True)
class PredictorConfig:
    """How a photograph and its clicks are brought to a network, and its answer back.

    Attributes:
        click_encoding: "disks_and_previous" (compact network) or "distances" (the paper's, Eq. 1).
        working_size: longer side of what the network sees, in pixels of its input.
        enlarge: True to enlarge what is smaller than that; False to show it at its own size, as the
            paper's networks were trained (§3.3).
        threshold: a pixel belongs to the mask where its probability is above this, in [0, 1).
        graph_cut: True to cut the mask with `graph_cut.graph_cut` instead of the threshold
            (paper §4.1).
        graph_cut_smoothness: of a cut of this network's probability, whoever asks for it; see
            `GraphCutParameters.smoothness`. `scripts/tune_graph_cut.py` finds it.
        zoom_in: True to look at the object alone, at a finer resolution, once it is roughly known.
        zoom_expansion: side of the zoom-in box as a multiple of the object's bounding box.
        zoom_min_size: least side of a zoom-in box, in pixels of the photograph.
        zoom_keep_iou: a box is kept while its IoU with the one that would replace it is above this.
        zoom_min_gain: a box is opened only where it is resolved this many times finer than the
            whole photograph; below that, the context around the object is worth more.
        look_again: how often the network looks again after the first click on an object, at the
            same click and its own answer, zoomed in where that helps: nothing but the click is
            known when it looks first. For networks that read the previous probability or zoom in.
        look_closer: at how many crops around the first click the network looks beside the whole
            photograph, each finer than the one before (`views.closer_views`), where the object may
            be small; the answer with the highest predicted IoU counts (`first_look`). For networks
            that predict it, others do without.
        keep_far: True to keep, where a further click makes the network change its mind away from
            the click, the answer of which it was surer; see `merging`.

    Sources: threshold, expansion, least size and IoU are RITM's test-time settings
    (`ZoomIn(skip_clicks=1, target_size=400, min_crop_size=200, recompute_thresh_iou=0.5,
    expansion_ratio=1.4)`), with 384 instead of 400 because it is a multiple of 32, and 0.5 instead
    of 0.49. RITM has no least gain; 1.25 is a choice, not measured.

    Raises:
        InputError: a value outside its range.

    Examples:
        >>> from dataclasses import replace
        >>> from fctsfn_tf import Predictor, PredictorConfig, load_engine
        >>> engine, config = load_engine()
        >>> isinstance(config, PredictorConfig), config.zoom_in
        (True, True)
        >>> predictor = Predictor(engine, replace(config, zoom_in=False, threshold=0.6))
        >>> predictor.config.threshold
        0.6
    """

    click_encoding: str = DISKS_AND_PREVIOUS
    working_size: int = 384
    threshold: float = 0.5
    graph_cut: bool = False
    zoom_in: bool = True
    zoom_expansion: float = 1.4
    zoom_min_size: int = 200
    zoom_keep_iou: float = 0.5
    zoom_min_gain: float = 1.25
    look_again: int = 0
    enlarge: bool = True
    look_closer: int = 0
    keep_far: bool = False
    graph_cut_smoothness: float = DEFAULT_PARAMETERS.smoothness

    def __post_init__(self) -> None:
        if self.click_encoding not in CLICK_ENCODINGS:
            raise InputError(
                f"`click_encoding` must be one of {', '.join(CLICK_ENCODINGS)}. Take the one the "
                f"network was trained with. Received {self.click_encoding!r}."
            )
        for name in ("enlarge", "graph_cut", "zoom_in", "keep_far"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(
                    f"`{name}` must be True or False. Received {getattr(self, name)!r}."
                )
        _check_range("working_size", self.working_size, 32, 4096, whole=True)
        _check_range("threshold", self.threshold, 0, 0.999)
        _check_range("zoom_expansion", self.zoom_expansion, 1, 10)
        _check_range("zoom_min_size", self.zoom_min_size, 1, 4096, whole=True)
        _check_range("zoom_keep_iou", self.zoom_keep_iou, 0, 1)
        _check_range("zoom_min_gain", self.zoom_min_gain, 1, 100)
        _check_range("look_again", self.look_again, 0, 5, whole=True)
        _check_range("look_closer", self.look_closer, 0, 10, whole=True)
        _check_range("graph_cut_smoothness", self.graph_cut_smoothness, 0, 100)

    @property
    def graph_cut_parameters(self) -> GraphCutParameters:
        """What a cut of this network's probability is made with."""
        return replace(DEFAULT_PARAMETERS, smoothness=self.graph_cut_smoothness)


def _check_range(name: str, value: float, least: float, most: float, whole: bool = False) -> None:
    """Refuse what is no number in [least, most].

    Raises:
        InputError: see above.
    """
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
        raise InputError(
            f"`{name}` must be a {'whole ' if whole else ''}number from {least} to {most}. "
            f"Change it in the configuration. Received {value!r}."
        )


# Longer side up to which the paper's networks see a photograph at its own size, in pixels: every
# photograph of the paper's data sets. Larger ones are shrunk to it, so that memory is bounded.
OWN_SIZE_LIMIT = 640
# How the paper's networks see photographs and clicks. The smoothness was chosen on photographs that
# their training had held out (docs/results.md).
PAPER_CONFIG = PredictorConfig(
    click_encoding=DISTANCES,
    working_size=OWN_SIZE_LIMIT,
    enlarge=False,
    zoom_in=False,
    graph_cut_smoothness=4.0,
)
