import numpy as np
import pytest
from example_masks import HEIGHT, WIDTH, disk


@pytest.fixture
def mask():
    """Two parts, one of them with two holes."""
    ring = disk(30, 30, 24) & ~disk(28, 24, 8) & ~disk(40, 38, 5)
    return ring | disk(20, 75, 7)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
