import json

import pytest

from fctsfn_tf.clicks.clicks_file import read_clicks_file
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
            b'[{"x": 1, "y": 2, "label": 1, "name": "a"},'
            b' {"x": 1, "y": 2, "label": 1, "name": "b"}]',
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
        ("x;y;label\n1;2;1\n", "Missing"),
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
