import json
from pathlib import Path

import pytest

from fctsfn_tf.clicks.clicks_file import clicks_of, read_clicks_file
from fctsfn_tf.errors import InputError


def click(x, y, label=1, **fields):
    return {"x": x, "y": y, "label": label, **fields}


def test_json_and_csv_say_the_same(tmp_path):
    clicks = [
        click(1.5, 2, image="狗/a.png", object=2, name="dog"),
        click(3, 4, 0, image="狗/a.png", object=2),
        click(5, 6, True, image="狗/a.png"),
        click(7, 8, image="b.png"),
    ]
    (tmp_path / "a.json").write_text(json.dumps(clicks), encoding="utf-8")
    (tmp_path / "a.csv").write_text(
        "image,object,name,x,y,label\r\n"
        "狗/a.png,2,dog,1.5,2,1\r\n狗/a.png,2,,3,4,0\r\n狗/a.png,, ,5, 6,1\r\nb.png,,,7,8,1\r\n",
        encoding="utf-8-sig",
    )
    read = read_clicks_file(tmp_path / "a.json")
    assert read == read_clicks_file(tmp_path / "a.csv")
    assert list(read) == ["狗/a.png", "b.png"]
    first, second = read["狗/a.png"]
    assert (first.number, first.name, first.points, first.labels) == (1, "", [(5, 6)], [1])
    assert (second.number, second.name) == (2, "dog")
    assert (second.points, second.labels) == ([(1.5, 2), (3, 4)], [1, 0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "must hold a list"),
        (b"[]", "no click"),
        (b"[3]", "click 1: A click must be an object"),
        (b'[{"x": 1, "y": 2}]', "Missing: label"),
        (b'[{"x": 1, "y": 2, "label": 1, "lable": 1}]', "Unknown: lable"),
        (b'[{"x": NaN, "y": 2, "label": 1}]', "finite"),
        (b'[{"x": 1e999, "y": 2, "label": 1}]', "finite"),
        (b'[{"x": 1' + b"0" * 400 + b', "y": 2, "label": 1}]', "finite"),
        (b'[{"x": true, "y": 2, "label": 1}]', "finite"),
        (b'[{"x": [1], "y": 2, "label": 1}]', "finite"),
        (b'[{"x": 1, "y": 2, "label": 2}]', "label"),
        (b'[{"x": 1, "y": 2, "label": 1, "object": 0}]', "whole number from 1"),
        (b'[{"x": 1, "y": 2, "label": 1, "object": 1.5}]', "whole number from 1"),
        (b'[{"x": 1, "y": 2, "label": 1, "object": 255}]', "whole number from 1"),
        (b'[{"x": 1, "y": 2, "label": 1, "name": 7}]', "text"),
        (b'[{"x": 1, "y": 2, "label": 1, "image": 7}]', "file name"),
        (b'[{"x": 1, "y": 2, "label": 1, "image": "a\\u0000b"}]', "file name"),
        (
            b'[{"x": 1, "y": 2, "label": 1, "object": 1, "name": "a"},'
            b' {"x": 1, "y": 2, "label": 1, "object": 1, "name": "b"}]',
            "two names",
        ),
    ],
)
def test_json_that_is_no_clicks_file(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_clicks_file(tmp_path / "a.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no click"),
        ("x,y,label", "no click"),
        ("1,2,1\n", "no click"),
        ("x,y,label\n1,2\n", "one cell per field"),
        ("x,y,label\n1,2,1,1\n", "one cell per field"),
        ("x,y,label\n1,2,yes\n", "finite number"),
        ("x,y,label\n1,,1\n", "Missing: y"),
        ('x,y,label\n"1"2,3,1\n', "not CSV"),
    ],
)
def test_csv_that_is_no_clicks_file(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_clicks_file(tmp_path / "a.csv")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("head", "separator"), [("", ";"), ("", "\t"), ("", ","), ("sep=;\r\n", ";"), ("sep=|\n", "|")]
)
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_separators_of_other_countries(tmp_path, head, separator, suffix):
    decimal = "." if separator == "," else ","
    rows = [
        ["Image", " X", "y", "LABEL", "name"],
        ["a, b.png", f"1{decimal}5", "2", "1", "cat; dog"],
        ["a, b.png", "3", "4.25", "0", ""],
    ]
    lines = [
        separator.join(f'"{cell}"' if ", " in cell or "; " in cell else cell for cell in row)
        for row in rows
    ]
    path = tmp_path / f"a.{suffix}"
    path.write_text(head + "\r\n".join(lines) + "\r\n\r\n", encoding="utf-8")
    ((name, (found,)),) = read_clicks_file(path).items()
    assert name == "a, b.png"
    assert found.points == [(1.5, 2), (3, 4.25)]
    assert (found.labels, found.name) == ([1, 0], "cat; dog")


def test_names_alone_are_objects(tmp_path):
    clicks = [
        click(1, 1, name="dog"),
        click(2, 2, name="H\u00fcndchen"),
        click(3, 3, 0, name="dog"),
        click(4, 4, object="cat"),
        click(5, 5, object=2, name="bird"),
        click(6, 6, object="Hu\u0308ndchen"),
        click(7, 7, name="bird"),
        click(8, 8, object="cat", name="cat"),
    ]
    (tmp_path / "a.json").write_text(json.dumps(clicks))
    (found,) = read_clicks_file(tmp_path / "a.json").values()
    assert [(one.number, one.name) for one in found] == [
        (1, "dog"),
        (2, "bird"),
        (3, "H\u00fcndchen"),
        (4, "cat"),
    ]
    assert [one.points for one in found] == [
        [(1, 1), (3, 3)],
        [(5, 5), (7, 7)],
        [(2, 2), (6, 6)],
        [(4, 4), (8, 8)],
    ]
    clicks = [click(1, 1, name="dog"), click(2, 2, 0)]
    (tmp_path / "a.json").write_text(json.dumps(clicks))
    (found,) = read_clicks_file(tmp_path / "a.json").values()
    assert [(one.number, one.name, one.labels) for one in found] == [(1, "dog", [1, 0])]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("dogs\\rex.jpg", "dogs/rex.jpg"),
        ("dogs/./rex.jpg", "dogs/rex.jpg"),
        ("Hu\u0308ndchen.jpg", "H\u00fcndchen.jpg"),
    ],
)
def test_names_of_photographs_from_other_systems(tmp_path, name, read):
    (tmp_path / "a.json").write_text(json.dumps([click(1, 2, image=name)]))
    assert list(read_clicks_file(tmp_path / "a.json")) == [read]


@pytest.mark.parametrize(
    "name", ["C:\\dogs\\rex.jpg", "..\\rex.jpg", "\\\\server\\rex.jpg", "/rex.jpg"]
)
def test_photographs_elsewhere_are_refused(tmp_path, name):
    (tmp_path / "a.json").write_text(json.dumps([click(1, 2, image=name)]))
    with pytest.raises(InputError, match=r"click 1: `image` must be a file name"):
        read_clicks_file(tmp_path / "a.json")


def test_clicks_of_one_photograph_by_any_end_of_its_path(tmp_path):
    clicks = {"dogs/H\u00fcndchen.jpg": ["dog"], "cat.jpg": ["cat"]}
    assert clicks_of(clicks, tmp_path / "dogs" / "Hu\u0308ndchen.jpg") == ["dog"]
    assert clicks_of(clicks, Path("cat.jpg")) == ["cat"]
    assert clicks_of(clicks, Path("a cat.jpg")) is None
    assert clicks_of(clicks, tmp_path / "birds" / "H\u00fcndchen.jpg") is None
    assert clicks_of({"": ["any"]}, Path("cat.jpg")) == ["any"]


@pytest.mark.parametrize(
    ("file_name", "content", "place"),
    [
        ("a.csv", "x,y,label\n1,2,1\n3,four,1\n", r"line 3, column 2 \(y\), click 2: `y`"),
        ("a.csv", "x;y;label\n1;2;1\n3;4;2\n", r"line 3, column 3 \(label\), click 2: `label`"),
        ("a.csv", 'x,y,label,name\n1,2,1,"a\nb"\n3,4\n', r"line 4, column 3: there must be one"),
        ("a.csv", 'x,y,label\n1,2,1\n"3"4,4,1\n', r"not CSV \(line 3"),
        ("a.csv", "x,y,label\n1,2,1\n,4,1\n", r"line 3, click 2: .*Missing: x"),
        ("a.csv", "x,y,label,object\n1,2,1,0\n", r"line 2, column 4 \(object\), click 1"),
        ("a.json", '[{"x": 1, "y": 2, "label": 1},\n  {"x": 1}]', r"line 2, column 3, click 2"),
        ("a.json", '[\n{"x": 1,\n"y": 2 "label": 1}]', r"not JSON .*line 3 column 8"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_column(tmp_path, file_name, content, place):
    (tmp_path / file_name).write_text(content)
    with pytest.raises(InputError, match=place):
        read_clicks_file(tmp_path / file_name)
