"""What the paper reports in its Tables 1 to 8, to stand beside what is measured here.

Numbers of clicks are means, IoUs are in percent. Data sets go by their names in `benchmark_sets`.
"""

from __future__ import annotations

from dataclasses import dataclass

SETS = ("voc2012", "coco", "grabcut", "berkeley")
# Numbers of clicks at which the paper gives mean IoUs (Tables 3, 5, 6) and indices (Table 1).
IOU_CLICKS = (1, 3, 10)
DECIDABILITY_CLICKS = (1, 5, 10)
# The networks of the ablation in Table 4 and 5, and the methods of Tables 6 and 7, in their order.
DEPTHS = tuple(f"TSLFN_{depth}" for depth in (1, 2, 3, 4, 5))
METHODS = ("GC", "GM", "RW", "ESC", "GSC", "SSFCN", "FCTSFN")


@dataclass(frozen=True)
class PaperTable:
    """One table.

    Attributes:
        title: what it shows.
        measure: "clicks" (to the data set's target IoU), "iou" or "decidability".
        methods: its columns.
        values: {data set: one number per column}, for "clicks"; {(data set, clicks): …} for "iou";
            {(data set, clicks, choice): …} for "decidability", where (…, None) has no number. A
            number is None where the paper has a dash.
        quoted: those of the columns that are other people's networks, which are not run here.
    """

    title: str
    measure: str
    methods: tuple[str, ...]
    values: dict[object, tuple[float | None, ...]]
    quoted: tuple[str, ...] = ()


def _by_clicks(*rows: tuple[float, ...]) -> dict[object, tuple[float, ...]]:
    """Rows in the order of the paper: at 1, 3 and 10 clicks, each for the four sets."""
    keys = [(name, clicks) for clicks in IOU_CLICKS for name in SETS]
    return dict(zip(keys, rows, strict=True))


def _indices() -> dict[object, tuple[float, ...]]:
    """Table 1 as (SSFCN, TSLFN); with one click the first two settings are one."""
    free = (
        ((12.97, 15.60), (16.79, 20.37), (19.38, 21.38), (71.42, 90.91)),
        ((2.57, 6.40), (2.72, 9.61), (3.84, 7.91), (2.85, 5.22)),
        ((1.24, 2.33), (1.20, 2.37), (1.53, 3.16), (1.33, 2.46)),
    )
    positive = (
        free[0],
        ((2.79, 4.03), (2.40, 3.58), (3.14, 4.66), (3.05, 4.33)),
        ((2.33, 3.20), (2.06, 2.87), (2.15, 3.09), (2.03, 2.88)),
    )
    single = (
        (),
        ((2.16, 2.92), (1.29, 2.10), (1.89, 3.04), (1.33, 2.23)),
        ((2.34, 3.03), (1.30, 1.89), (1.94, 3.06), (1.50, 2.21)),
    )
    return {
        (name, clicks, choice): pair
        for choice, rows in (
            ("free-choice", free),
            ("all-positive", positive),
            ("single-positive", single),
        )
        for clicks, row in zip(DECIDABILITY_CLICKS, rows, strict=True)
        for name, pair in zip(SETS, row, strict=False)
    }


TABLES = {
    1: PaperTable(
        "Decidability index around positive and negative clicks",
        "decidability",
        ("SSFCN", "TSLFN"),
        _indices(),
    ),
    2: PaperTable(
        "Mean number of clicks, TSLFN and MSRN",
        "clicks",
        ("SSFCN", "TSLFN", "FCTSFN"),
        {
            "voc2012": (5.81, 4.95, 4.58),
            "coco": (11.42, 9.97, 9.62),
            "grabcut": (5.02, 4.28, 3.76),
            "berkeley": (8.48, 7.89, 6.49),
        },
    ),
    3: PaperTable(
        "Mean IoU (%), TSLFN and MSRN",
        "iou",
        ("SSFCN", "TSLFN", "FCTSFN"),
        _by_clicks(
            (57.0, 60.0, 62.3),
            (38.6, 42.3, 42.5),
            (76.8, 76.8, 77.7),
            (68.8, 70.3, 74.5),
            (73.0, 76.8, 78.0),
            (55.1, 60.7, 61.2),
            (83.2, 86.3, 87.9),
            (81.0, 82.2, 84.8),
            (88.2, 91.7, 92.6),
            (72.8, 80.0, 81.5),
            (91.0, 93.0, 94.7),
            (89.4, 90.0, 92.6),
        ),
    ),
    4: PaperTable(
        "Mean number of clicks, depth of the streams",
        "clicks",
        DEPTHS,
        {
            "voc2012": (5.63, 5.43, 4.95, 4.95, 5.73),
            "coco": (11.06, 10.83, 10.18, 9.97, 10.99),
            "grabcut": (4.60, 4.66, 4.44, 4.28, 5.14),
            "berkeley": (8.21, 8.57, 8.15, 7.89, 9.27),
        },
    ),
    5: PaperTable(
        "Mean IoU (%), depth of the streams",
        "iou",
        DEPTHS,
        _by_clicks(
            (59.3, 58.9, 60.1, 60.0, 57.9),
            (39.7, 40.0, 41.2, 42.3, 39.5),
            (76.1, 77.6, 76.3, 76.8, 75.9),
            (69.3, 69.0, 69.6, 70.3, 66.8),
            (74.7, 75.1, 76.7, 76.8, 72.8),
            (56.4, 57.7, 59.3, 60.7, 56.5),
            (83.4, 86.4, 85.4, 86.3, 83.6),
            (79.6, 80.3, 81.6, 82.2, 77.4),
            (89.0, 89.8, 91.5, 91.7, 89.4),
            (74.9, 76.1, 79.2, 80.0, 76.6),
            (90.7, 91.2, 93.2, 93.0, 89.4),
            (89.1, 89.4, 90.6, 90.0, 86.2),
        ),
    ),
    6: PaperTable(
        "Mean IoU (%), restricted comparison",
        "iou",
        METHODS,
        _by_clicks(
            (25.2, 25.7, 34.9, 31.4, 31.2, 57.0, 62.3),
            (18.1, 20.3, 32.3, 26.9, 26.6, 38.6, 42.5),
            (49.6, 38.6, 39.8, 48.2, 51.2, 76.8, 77.7),
            (43.8, 33.6, 34.6, 46.7, 46.7, 68.8, 74.5),
            (33.9, 41.4, 56.1, 44.6, 43.1, 73.0, 78.0),
            (25.7, 35.2, 52.0, 38.5, 36.7, 55.1, 61.2),
            (66.2, 58.4, 56.1, 74.4, 74.6, 83.2, 87.9),
            (51.6, 47.1, 55.0, 58.4, 60.1, 81.0, 84.8),
            (53.8, 73.3, 84.2, 77.5, 75.9, 88.2, 92.6),
            (39.8, 65.4, 77.4, 69.9, 66.6, 72.8, 81.5),
            (84.3, 82.5, 86.8, 91.8, 91.0, 91.0, 94.7),
            (70.8, 76.9, 80.6, 83.0, 83.8, 89.4, 92.6),
        ),
    ),
    7: PaperTable(
        "Mean number of clicks, restricted comparison",
        "clicks",
        METHODS,
        {
            "voc2012": (14.81, 10.59, 7.98, 8.22, 8.48, 5.81, 4.58),
            "coco": (17.74, 14.57, 11.71, 11.70, 12.11, 11.42, 9.62),
            "grabcut": (9.70, 9.26, 10.28, 5.84, 5.02, 5.02, 3.76),
            "berkeley": (13.68, 14.10, 13.46, 9.73, 9.38, 8.48, 6.49),
        },
    ),
    # RIS-Net's numbers on COCO, 5.98 on seen and 6.44 on unseen categories, are rows of their own
    # there.
    8: PaperTable(
        "Mean number of clicks, unrestricted comparison",
        "clicks",
        ("RIS-Net", "DEXTR", "LDN", "FCTSFN"),
        {
            "voc2012": (5.12, 4.00, None, 4.58),
            "coco": (None, None, 7.89, 9.62),
            "grabcut": (5.00, 4.00, 4.79, 3.76),
            "berkeley": (6.03, None, None, 6.49),
        },
        quoted=("RIS-Net", "DEXTR", "LDN"),
    ),
}


@dataclass(frozen=True)
class PaperFigure:
    """One of Figs. 3 to 6, mean IoU against the number of clicks.

    Attributes:
        title: what it shows.
        methods: its curves.
        table: where the paper gives some of its points; None where it does not.
    """

    title: str
    methods: tuple[str, ...]
    table: int | None


FIGURES = {
    3: PaperFigure("The interaction stream", ("TSLFN⁻ 32s", "TSLFN 32s"), None),
    4: PaperFigure("TSLFN and MSRN", ("SSFCN", "TSLFN", "FCTSFN"), 3),
    5: PaperFigure("Depth of the streams", DEPTHS, 5),
    6: PaperFigure("Restricted comparison", METHODS, 6),
}
EXAMPLES_OF_METHODS, EXAMPLES_OF_CLICKS = 7, 8
