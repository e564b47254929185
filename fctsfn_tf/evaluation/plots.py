"""Figures: mean IoU against clicks, and sheets of photographs with clicks and masks.

Colours are Okabe and Ito's, which people with any colour vision tell apart; every curve has a
marker of its own too, and clicks differ by shape as well. Where there are more curves than colours,
the further ones are dashed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from types import ModuleType

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.metrics import MAX_CLICKS

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MARKERS = "osD^vPX*<>ph"
DOTS_PER_INCH = 110
LEGEND_COLUMNS = 5
OBJECT_COLOUR, POSITIVE_COLOUR, NEGATIVE_COLOUR = (0, 114, 178), "#009E73", "#D55E00"


@dataclass(frozen=True)
class Panel:
    """One set of axes: mean IoU in [0, 1] after click 1, 2, … by method, and single points
    {method: {clicks: IoU}} that somebody else reports."""

    title: str
    curves: Mapping[str, Sequence[float]]
    reported: Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Picture:
    """A photograph (H, W, 3) uint8 with clicks and a mask (H, W) bool on it, either or none."""

    title: str
    image: np.ndarray
    clicks: Sequence[Click] = ()
    mask: np.ndarray | None = None


def curves(title: str, panels: Sequence[Panel]) -> bytes:
    """A PNG of mean IoU against the number of clicks, a set of axes per panel.

    Raises:
        InputError: Matplotlib is not installed.
    """
    pyplot = _pyplot()
    # A set of axes without anything in it says nothing; if all are, they say just that.
    panels = [panel for panel in panels if _is_measured(panel) or panel.reported] or panels
    named = (name for panel in panels for name in (*panel.reported, *panel.curves))
    names = list(dict.fromkeys(named))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(5.2 * columns, 3.9 * rows + 0.9), squeeze=False
    )
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, panel in zip(axes.flat, panels, strict=False):
        for index, name in enumerate(names):
            _draw_method(axis, name, panel, _style(index))
        axis.set(title=panel.title, xlabel="Number of clicks", ylabel="Mean IoU (%)", ylim=(0, 100))
        axis.set(xlim=(0.3, MAX_CLICKS + 0.7), xticks=[1, *range(5, MAX_CLICKS + 1, 5)])
        axis.grid(alpha=0.3)
        if not _is_measured(panel):
            place = {"ha": "center", "transform": axis.transAxes, "color": "#555555"}
            axis.text(0.5, 0.06, "nothing measured here", **place)
    figure.suptitle(title)
    # What a name looks like, whether or not every set of axes has it.
    handles = [axes.flat[0].plot([], [], **_style(index))[0] for index in range(len(names))]
    figure.legend(handles, names, loc="lower center", ncols=LEGEND_COLUMNS, fontsize="small")
    legend_rows = -(-len(names) // LEGEND_COLUMNS)
    below = (0.15 + 0.22 * legend_rows) / figure.get_figheight()
    figure.tight_layout(rect=(0, below, 1, 1))
    return _png(pyplot, figure)


def _is_measured(panel: Panel) -> bool:
    return any(len(curve) for curve in panel.curves.values())


def _style(index: int) -> dict[str, object]:
    """How Matplotlib draws the curve of the method number `index`."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": "-" if index < len(COLOURS) else "--",
        "markersize": 4,
        "linewidth": 1.5,
    }


def _draw_method(
    axis,  # noqa: ANN001 (Matplotlib may not be there)
    name: str,
    panel: Panel,
    style: Mapping[str, object],
) -> None:
    """One method's curve, and its reported points hollow on top of all curves."""
    percents = [100 * value for value in panel.curves.get(name, ())]
    if percents:
        axis.plot(range(1, len(percents) + 1), percents, **style)
    points = panel.reported.get(name, {})
    if points:
        percents = [100 * value for value in points.values()]
        hollow = {"facecolors": "white", "edgecolors": style["color"], "marker": style["marker"]}
        axis.scatter(list(points), percents, s=55, linewidths=1.4, zorder=3, **hollow)


def lines(
    title: str, x_label: str, x_values: Sequence[float], series: Mapping[str, Sequence[float]]
) -> bytes:
    """A PNG of seconds (on a logarithmic axis) against something, a line per name.

    Raises:
        InputError: Matplotlib is not installed.
    """
    pyplot = _pyplot()
    from matplotlib import ticker

    figure, axis = pyplot.subplots(figsize=(7.6, 4.4))
    drawn = [
        axis.plot(x_values, values, label=name, **_style(index))[0]
        for index, (name, values) in enumerate(series.items())
    ]
    axis.set(title=title, xlabel=x_label, ylabel="Seconds per click", yscale="log")
    axis.set_xticks(x_values, [f"{value:.2g}" for value in x_values])
    # 0.02, 0.05, 0.1: numbers as people say them, and few enough to be read.
    axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axis.yaxis.set_minor_formatter(ticker.NullFormatter())
    axis.grid(alpha=0.3)
    # In the order in which the lines end, beside them: no line runs behind the names.
    highest_first = sorted(drawn, key=lambda line: -line.get_ydata()[-1])
    axis.legend(handles=highest_first, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    return _png(pyplot, figure)


def sheet(rows: Sequence[Sequence[Picture]]) -> bytes:
    """A PNG of photographs in rows of equal length, each with its clicks and mask.

    Raises:
        InputError: Matplotlib is not installed.
    """
    pyplot = _pyplot()
    columns = max(len(row) for row in rows)
    heights = [2.2 * row[0].image.shape[0] / row[0].image.shape[1] + 0.3 for row in rows]
    figure, axes = pyplot.subplots(
        len(rows),
        columns,
        figsize=(2.2 * columns, sum(heights)),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for row, line in zip(rows, axes, strict=True):
        for picture, axis in zip(row, line, strict=False):
            _draw(picture, axis)
    figure.tight_layout(pad=0.4)
    return _png(pyplot, figure)


def _draw(picture: Picture, axis) -> None:  # noqa: ANN001 (Matplotlib may not be there)
    image = picture.image
    if picture.mask is not None:
        # The rest is paler and the object tinted, so that both stay visible on any photograph.
        pale = 0.35 * image + 0.65 * 255
        tinted = 0.6 * image + 0.4 * np.array(OBJECT_COLOUR)
        image = np.where(picture.mask[..., None], tinted, pale).astype(np.uint8)
    axis.imshow(image, interpolation="antialiased")
    if picture.mask is not None and picture.mask.any() and not picture.mask.all():
        axis.contour(picture.mask, [0.5], colors="black", linewidths=0.8)
    for is_positive, marker, colour in (
        (True, "P", POSITIVE_COLOUR),
        (False, "X", NEGATIVE_COLOUR),
    ):
        positions = [click for click in picture.clicks if click.is_positive == is_positive]
        axis.scatter(
            [click.col for click in positions],
            [click.row for click in positions],
            s=60,
            marker=marker,
            color=colour,
            edgecolors="white",
            linewidths=1.1,
        )
    axis.set_title(picture.title, fontsize=8)


def _png(pyplot: ModuleType, figure) -> bytes:  # noqa: ANN001 (Matplotlib may not be there)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
    pyplot.close(figure)
    return file.getvalue()


def _pyplot() -> ModuleType:
    """
    Raises:
        InputError: Matplotlib is not installed.
    """
    try:
        import matplotlib

        matplotlib.use("agg")  # no window, wherever this runs
        from matplotlib import pyplot
    except ImportError:
        raise InputError(
            "Figures need Matplotlib, which is not installed. "
            "Install it with `pip install 'fctsfn-tf[plots]'`."
        ) from None
    return pyplot
