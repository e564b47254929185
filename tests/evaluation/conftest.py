"""The paper's tables and figures in miniature: where results and data lie."""

import cv2
import numpy as np
import pytest

from fctsfn_tf.evaluation.paper.workshop import Workshop


@pytest.fixture
def workshop(tmp_path):
    return Workshop(None, tmp_path / "results", shipped=("compact",))


@pytest.fixture
def data(tmp_path):
    """GrabCut in miniature: three photographs of one red square each."""
    for index in range(3):
        image = np.full((40, 60, 3), 90, np.uint8)
        image[8:30, 10 + index : 40] = (40, 50, 200)
        mask = np.zeros((40, 60), np.uint8)
        mask[8:30, 10 + index : 40] = 255
        for folder, array in (("data_GT", image), ("boundary_GT", mask)):
            path = tmp_path / "data" / "grabcut" / folder / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), array)
    return tmp_path / "data"
