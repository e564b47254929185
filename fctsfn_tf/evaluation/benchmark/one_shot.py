"""A tool from the shell to a mask and on to more clicks, as a person's short program has it.

    python -m fctsfn_tf.evaluation.benchmark.one_shot TOOL PHOTOGRAPH CLICKS.json MASK.png

It opens the tool and the photograph, writes the mask of the first click, then makes the others, and
prints when the mask was there, the seconds of each further click and the peak of its memory.
`shell_to_mask` starts it; a tool's libraries are imported by its own program alone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fctsfn_tf.clicks.click import Click
from fctsfn_tf.evaluation.benchmark.peak_memory import most_bytes

# (photograph) → (clicks so far, oldest first) → mask (H, W) bool
Tool = Callable[[str], Callable[[Sequence[Click]], np.ndarray]]

REMBG_MODEL = "u2net"
SAM_PRESET = "sam_base_sa1b"


def rembg_weights() -> Path:
    """Where rembg keeps the weights that it downloads at its first use."""
    directory = os.environ.get("U2NET_HOME", Path.home() / ".u2net")
    return Path(directory) / f"{REMBG_MODEL}.onnx"


def sam_weights() -> Path:
    """Where KerasHub keeps the weights that it downloads at its first use."""
    cache = os.environ.get("KAGGLEHUB_CACHE", Path.home() / ".cache" / "kagglehub")
    return Path(cache) / "models" / "keras" / "sam" / "keras" / SAM_PRESET


def open_fctsfn(photograph: str) -> Callable[[Sequence[Click]], np.ndarray]:
    """This package and its default preset."""
    from fctsfn_tf.predict.predictor import Predictor

    predictor = Predictor.from_preset()
    predictor.set_image(photograph)
    return lambda clicks: (
        predictor.predict(
            [(click.col, click.row) for click in clicks],
            [int(click.is_positive) for click in clicks],
        ).mask
    )


def open_grabcut(photograph: str) -> Callable[[Sequence[Click]], np.ndarray]:
    """OpenCV's GrabCut; clicks are discs."""
    import cv2

    from fctsfn_tf.evaluation.baselines.opencv_grabcut import segment

    image = cv2.cvtColor(cv2.imread(photograph), cv2.COLOR_BGR2RGB)
    answers: list[np.ndarray | None] = [None]

    def click(clicks: Sequence[Click]) -> np.ndarray:
        answers.append(segment(image, tuple(clicks), answers[-1]))
        return answers[-1] > 0.5

    return click


def open_rembg(photograph: str) -> Callable[[Sequence[Click]], np.ndarray]:
    """rembg: the most salient object; it takes no clicks and answers anew each time."""
    from PIL import Image
    from rembg import new_session, remove

    session = new_session(REMBG_MODEL)
    image = Image.open(photograph)
    return lambda clicks: np.asarray(remove(image, session=session, only_mask=True)) > 127


def open_sam(photograph: str) -> Callable[[Sequence[Click]], np.ndarray]:
    """KerasHub's SAM of the size "base"; its `predict` encodes the photograph at every click.

    Where its weights are not here they are random, and so are the masks.
    """
    import cv2
    from keras_hub.models import SAMImageSegmenter

    from fctsfn_tf.evaluation.benchmark.peers import SAM_SIZE, sam_backbone

    if sam_weights().exists():
        segmenter = SAMImageSegmenter.from_preset(SAM_PRESET)
    else:
        segmenter = SAMImageSegmenter(backbone=sam_backbone())
    image = cv2.cvtColor(cv2.imread(photograph), cv2.COLOR_BGR2RGB)
    height, width = image.shape[:2]
    scale = SAM_SIZE / max(height, width)
    size = round(width * scale), round(height * scale)
    pixels = np.zeros((1, SAM_SIZE, SAM_SIZE, 3), np.float32)
    pixels[0, : size[1], : size[0]] = cv2.resize(image, size)

    def click(clicks: Sequence[Click]) -> np.ndarray:
        points = [(click.col * scale, click.row * scale) for click in clicks]
        answer = segmenter.predict(
            {
                "images": pixels,
                "points": np.float32([points]),
                "labels": np.float32([[click.is_positive for click in clicks]]),
                "boxes": np.zeros((1, 0, 2, 2), np.float32),
                "masks": np.zeros((1, 0, SAM_SIZE // 4, SAM_SIZE // 4, 1), np.float32),
            },
            verbose=0,
        )
        best = answer["masks"][0, np.argmax(answer["iou_pred"][0])]
        logits = cv2.resize(np.float32(best), (SAM_SIZE, SAM_SIZE))[: size[1], : size[0]]
        return cv2.resize(logits, (width, height)) > 0

    return click


TOOLS: dict[str, Tool] = {
    "fctsfn": open_fctsfn,
    "OpenCV GrabCut": open_grabcut,
    "rembg": open_rembg,
    "SAM ViT-B, KerasHub": open_sam,
}


def main(name: str, photograph: str, clicks_file: str, mask_file: str) -> None:
    """See the module."""
    clicks = [Click(*click) for click in json.loads(Path(clicks_file).read_text())]
    segment = TOOLS[name](photograph)
    mask = segment(clicks[:1])
    from PIL import Image

    Image.fromarray(np.uint8(mask) * 255).save(mask_file)
    mask_at, seconds = time.time(), []
    for count in range(2, len(clicks) + 1):
        started = time.perf_counter()
        segment(clicks[:count])
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"mask_at": mask_at, "seconds": seconds, "peak_bytes": most_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
