"""What Python computes, as golden.json and photographs.json, which the tests of web/ compare with.

    python web/tests/golden.py

writes both anew; tests/house/test_web.py sees when that is due. golden.json holds the steps one by
one: their inputs are made by a rule that JavaScript can follow (`noise`, rectangles), so that only
results are stored. photographs.json holds the masks of the default preset on ten photographs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras
import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.clicks.click_maps import disk_maps, distance_maps
from fctsfn_tf.images.annotation_files import coco_json
from fctsfn_tf.images.masks import index_map, voc_palette
from fctsfn_tf.images.run_lengths import encode_rle
from fctsfn_tf.predict import views
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.predictor import Prediction, Predictor

FOLDER = Path(__file__).resolve().parent
EXAMPLES = FOLDER.parent.parent / "examples"
SIZES = [  # (height, width) from → to: both axes shrink, grow, one of each, whole factors, none
    ((23, 31), (8, 11)),
    ((24, 32), (12, 16)),
    ((24, 36), (8, 9)),
    ((9, 7), (20, 33)),
    ((30, 8), (11, 21)),
    ((8, 30), (21, 11)),
    ((1, 40), (8, 8)),
    ((12, 17), (12, 17)),
    ((12, 17), (12, 40)),
]
SETTINGS = {"working_size": 64, "zoom_min_size": 24}
# Of the made-up network's candidates: factors of the answer's logits, and what is added to them.
# And of their IoUs' logits, the answer's first: factors of a view's brightness, and what is added.
CANDIDATES = [1.0, -1.0, 1.0], [6.5, 0.0, 2.0]
IOUS = [1.0, 1.0, 1.0, 1.0], [0.5, 1.0, 0.25, 0.75]
# Clicks [x, y, label] on an object of each photograph, one after the other.
PHOTOGRAPHS = {
    EXAMPLES / "cat.jpg": [[220, 120, 1], [100, 260, 1], [430, 60, 0]],
    EXAMPLES / "coffee.jpg": [[300, 200, 1], [300, 120, 1], [560, 340, 0]],
    FOLDER / "photographs/astronaut.jpg": [[141, 308, 1], [186, 96, 1], [26, 77, 0]],
    FOLDER / "photographs/camera.jpg": [[90, 231, 1], [180, 90, 1], [321, 334, 0]],
    FOLDER / "photographs/china.jpg": [[154, 154, 1], [154, 51, 1], [308, 283, 0]],
    FOLDER / "photographs/clock.jpg": [[212, 154, 1], [240, 160, 1], [60, 60, 0]],
    FOLDER / "photographs/coins.jpg": [[212, 193, 1], [272, 193, 0], [207, 200, 1]],
    FOLDER / "photographs/flower.jpg": [[231, 167, 1], [276, 302, 0], [290, 110, 1]],
    FOLDER / "photographs/retina.jpg": [[238, 231, 1], [77, 219, 1], [15, 15, 0]],
    FOLDER / "photographs/rocket.jpg": [[261, 193, 1], [261, 296, 1], [364, 154, 0]],
}


def noise(height: int, width: int, channels: int, bits: int = 8) -> np.ndarray:
    """uint8 (height, width, channels) of `bits` bits: a multiplicative hash of the index."""
    index = np.arange(height * width * channels, dtype=np.uint32)
    values = (index * np.uint32(2654435761)) >> np.uint32(32 - bits)
    return values.astype(np.uint8).reshape(height, width, channels)


def rectangles(height: int, width: int, boxes: list[list[int]]) -> np.ndarray:
    """bool (height, width): the boxes [top, left, bottom, right], of which a later one inverts."""
    mask = np.zeros((height, width), bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] ^= True
    return mask


def resizing() -> list[dict]:
    """Images and probabilities through `View.image_in` and `View.paste`."""
    cases = []
    for (height, width), (to_height, to_width) in SIZES:
        view = views.View(views.Box(0, 0, height, width), to_height, to_width)
        image = noise(height, width, 3)
        number = noise(height, width, 1)[..., 0].astype(np.float32) / 255
        cases.append(
            {
                "from": [height, width],
                "to": [to_height, to_width],
                "image": view.image_in(image).astype(int).ravel().tolist(),
                "probability": rounded(view.probability_in(number)),
            }
        )
    return cases


def maps() -> list[dict]:
    """Click maps of clicks inside, between pixels and outside."""
    cases = []
    for height, width in ((20, 30), (33, 12)):
        clicks = [
            Click(3, 4, True),
            Click(height - 1, width - 1, False),
            Click(7.3, 9.75, True),
            Click(-6.5, 2.25, False),
            Click(height + 3.0, width / 2, True),
        ]
        for encoding, encoded in (("distances", distance_maps), ("disks_and_previous", disk_maps)):
            cases.append(
                {
                    "size": [height, width],
                    "encoding": encoding,
                    "clicks": [[click.row, click.col, int(click.is_positive)] for click in clicks],
                    "maps": rounded(encoded(clicks, height, width)),
                }
            )
    return cases


def view_walks() -> list[dict]:
    """Views of made-up objects, one after the other, as a person would lead them on."""
    generator = np.random.default_rng(6)
    walks = []
    for _ in range(60):
        height, width = (int(side) for side in generator.integers(20, 900, 2))
        working_size = int(generator.choice([64, 256, 384]))
        config = PredictorConfig(working_size=working_size, zoom_min_size=20)
        view = views.whole_view(height, width, config)
        steps, clicks = [], []
        for _ in range(4):
            top, left = (int(generator.integers(0, side)) for side in (height, width))
            bottom, right = (
                top + int(generator.integers(1, 200)),
                left + int(generator.integers(1, 200)),
            )
            box = [top, left, min(bottom, height), min(right, width)]
            click = Click(int(generator.integers(height)), int(generator.integers(width)), True)
            # Half of the clicks lie in the object, the others are negative or far away.
            if generator.random() < 0.5:
                click = Click(top, left, bool(generator.random() < 0.8))
            clicks.append(click)
            probability = rectangles(height, width, [box]).astype(np.float32)
            view = views.next_view(view, probability, clicks, config)
            corners = [view.box.top, view.box.left, view.box.bottom, view.box.right]
            steps.append(
                {
                    "object": box,
                    "click": [click.row, click.col, int(click.is_positive)],
                    "view": [*corners, view.height, view.width],
                }
            )
        walks.append({"size": [height, width], "working_size": working_size, "steps": steps})
    return walks


def closer() -> list[dict]:
    """The crops around clicks in photographs of all shapes."""
    generator = np.random.default_rng(7)
    cases = []
    for _ in range(40):
        height, width = (int(side) for side in generator.integers(20, 1500, 2))
        config = PredictorConfig(working_size=256, look_closer=3)
        click = Click(int(generator.integers(height)), int(generator.integers(width)), True)
        found = views.closer_views(click, height, width, config)
        corners = [(one.box.top, one.box.left, one.box.bottom, one.box.right) for one in found]
        sizes = [(one.height, one.width) for one in found]
        cases.append(
            {
                "size": [height, width],
                "click": [click.row, click.col, 1],
                "views": [[*box, *size] for box, size in zip(corners, sizes, strict=True)],
            }
        )
    return cases


def masks() -> dict:
    """Two overlapping objects, one with a hole, and what the formats make of them."""
    height, width = 19, 26
    boxes = [
        [[2, 3, 12, 17], [5, 6, 8, 11]],
        [[9, 12, 17, 24], [17, 24, 18, 25]],
        [],
    ]
    objects = [rectangles(height, width, object_boxes) for object_boxes in boxes]
    names = ["cat", "", "nothing"]
    return {
        "size": [height, width],
        "boxes": boxes,
        "names": names,
        "coco": json.loads(coco_json(objects, "a.jpg", names)),
        "index": index_map(objects).ravel().tolist(),
        "palette": voc_palette().ravel().tolist(),
    }


def fake_network(has_candidates: bool = False) -> keras.Model:
    """Bright pixels are object; clicks push their surroundings, the previous answer itself.

    Candidates are all, the inverse, and much the same; the brighter a view is, the better they are
    thought. A network that JavaScript's tests can compute, too: tests/unit/fakeNetwork.js.
    """
    image = keras.Input((None, None, 3), name="image")
    click_maps = keras.Input((None, None, 3), name="click_maps")
    brightness = keras.layers.Conv2D(1, 1, name="brightness")(image)
    features = keras.layers.Identity(name="image_features_0_brightness")(brightness)
    pushed = keras.layers.Conv2D(1, 5, padding="same", use_bias=False, name="push")(click_maps)
    logits = keras.layers.Add()([features, pushed])
    outputs = logits
    if has_candidates:
        candidates = keras.layers.Conv2D(3, 1, name="candidates")(logits)
        mean = keras.layers.GlobalAveragePooling2D()(features)
        outputs = [logits, candidates, keras.layers.Dense(4, name="iou")(mean)]
    model = keras.Model({"image": image, "click_maps": click_maps}, outputs)
    if has_candidates:
        for name, (factors, biases) in (("candidates", CANDIDATES), ("iou", IOUS)):
            kernel, _ = model.get_layer(name).get_weights()
            factors = np.broadcast_to(np.float32(factors), kernel.shape)
            model.get_layer(name).set_weights([factors, np.float32(biases)])
    model.get_layer("brightness").set_weights(
        [np.full((1, 1, 3, 1), 0.02, np.float32), np.full(1, -7.5, np.float32)]
    )
    push = np.zeros((5, 5, 3, 1), np.float32)
    push[:, :, 0], push[:, :, 1], push[2, 2, 2] = 0.25, -0.25, 1.0
    model.get_layer("push").set_weights([push])
    return model


def sessions() -> list[dict]:
    """A predictor led through clicks, undo, redo, a start mask, a removed click and candidates."""
    size, box = (90, 130), [30, 40, 52, 70]
    start = [[31, 41, 40, 50]]
    first = [[50, 40, 1], [80, 70, 1], [45, 32, 0]]
    script = [
        *(["click", *click] for click in first),
        ["undo"],
        ["undo"],
        ["redo"],
        ["click", 10, 10, 1],
        ["clicks", [first[0], first[2]]],
        ["mask", start],
        ["click", 52, 35, 1],
        ["click", 100, 80, 0],
        ["reset"],
        ["clicks", first],
    ]
    one_pixel = [
        *(["click", *click] for click in first[:2]),
        *(["click", 80, 70, label] for label in (0, 1, 1, 0)),
        ["click", 20, 20, 1],
    ]
    wide, middle, small = (100, 280), [16, 104, 84, 182], [36, 116, 66, 168]
    choices = [
        ["click", 140, 50, 1],
        ["choose", 0],
        ["click", 60, 50, 1],
        ["undo"],
        ["choose", 1],
        ["click", 20, 20, 0],
        ["click", 20, 20, 1],
        ["click", 20, 20, 0],
        ["undo"],
        ["reset"],
        ["click", 150, 45, 1],
        ["undo"],
        ["redo"],
        ["click", 120, 60, 1],
    ]
    return [
        *(session(size, box, {"look_again": looks}, script) for looks in (0, 2)),
        session(size, box, {}, one_pixel),
        session(size, box, {"keep_far": True}, [*script, ["reset"], *one_pixel]),
        *(
            session(wide, box, {**settings, "keep_far": True}, choices, has_candidates=True)
            for box, settings in (
                (middle, {}),
                (middle, {"look_closer": 3}),
                (small, {"look_closer": 3}),
                (middle, {"look_again": 1, "look_closer": 1}),
            )
        ),
    ]


def session(
    size: tuple[int, int],
    box: list[int],
    settings: dict,
    script: list[list],
    has_candidates: bool = False,
) -> dict:
    """What a predictor answers to a script on a photograph with a bright box."""
    settings = {**SETTINGS, **settings}
    height, width = size
    photograph = noise(height, width, 3, bits=6)
    photograph[rectangles(height, width, [box])] += 150
    predictor = Predictor(fake_network(has_candidates), PredictorConfig(**settings))
    predictor.set_image(photograph)
    steps = []
    for name, *arguments in script:
        if name == "clicks":
            points = np.array(arguments[0])
            prediction = predictor.predict(points[:, :2], points[:, 2])
        elif name == "mask":
            prediction = predictor.set_mask(rectangles(height, width, arguments[0]))
        elif name == "click":
            prediction = predictor.add_click(*arguments)
        else:
            prediction = getattr(predictor, name)(*arguments)
        step = {} if prediction is None else seen(prediction)
        steps.append({"do": [name, *arguments], **step})
    return {
        "size": [height, width],
        "boxes": [box],
        "settings": settings,
        "hasCandidates": has_candidates,
        "steps": steps,
    }


def seen(prediction: Prediction) -> dict:
    """Of a prediction, what fits into a small file: the mask, and every 97th probability."""
    return {
        "mask": encode_rle(prediction.mask)["counts"],
        "probability": rounded(prediction.probability.ravel()[::97]),
        "candidates": [round(one.predicted_iou, 5) for one in prediction.candidates],
    }


def rounded(array: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in array.ravel()]


def golden() -> dict:
    """golden.json."""
    return {
        "resizing": resizing(),
        "maps": maps(),
        "views": view_walks(),
        "closer": closer(),
        "masks": masks(),
        "sessions": sessions(),
    }


def photographs() -> list[dict]:
    """photographs.json: the default preset's mask after every click."""
    predictor = Predictor.from_preset(graph_cut=False)
    found = []
    for path, clicks in PHOTOGRAPHS.items():
        predictor.set_image(path)
        predictions = [predictor.add_click(*click) for click in clicks]
        found.append(
            {
                "file": os.path.relpath(path, FOLDER),
                "size": list(predictor.image_size),
                "clicks": clicks,
                "masks": [encode_rle(one.mask)["counts"] for one in predictions],
            }
        )
    return found


def write(name: str, content: dict | list) -> None:
    file = FOLDER / name
    file.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"wrote {file} ({file.stat().st_size:,} bytes)")


if __name__ == "__main__":
    write("golden.json", golden())
    write("photographs.json", photographs())
