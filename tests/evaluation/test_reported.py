from fctsfn_tf.commands.reproduce import FIGURE_NUMBERS, TABLE_NUMBERS
from fctsfn_tf.evaluation.paper.reported import FIGURES, SETS, TABLES


def test_every_number_of_the_paper_has_its_place():
    for number, paper in TABLES.items():
        rows = {"clicks": 4, "iou": 12, "decidability": 32}[paper.measure]
        assert len(paper.values) == rows, number
        assert {len(values) for values in paper.values.values()} == {len(paper.methods)}
        names = {key if isinstance(key, str) else key[0] for key in paper.values}
        assert names == set(SETS)
    # The columns that two tables share hold the same numbers.
    for one, other in ((2, 7), (2, 4), (3, 6), (3, 5)):
        for key, values in TABLES[one].values.items():
            by_method = dict(zip(TABLES[one].methods, values, strict=True))
            for method, value in zip(TABLES[other].methods, TABLES[other].values[key], strict=True):
                same = "TSLFN" if method == "TSLFN_4" else method
                assert by_method.get(same, value) == value
    assert TABLES[1].values["berkeley", 5, "single-positive"] == (1.33, 2.23)
    assert ("grabcut", 1, "single-positive") not in TABLES[1].values
    assert set(TABLES) == set(TABLE_NUMBERS)
    assert {*FIGURES, 7, 8} == set(FIGURE_NUMBERS)
