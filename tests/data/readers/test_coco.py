import pytest

from fctsfn_tf.data.readers.coco import coco_objects
from fctsfn_tf.errors import InputError


def test_a_segmentation_must_be_one():
    for segmentation in (None, [], "x"):
        with pytest.raises(InputError, match="for annotation 7"):
            coco_objects([{"id": 7, "segmentation": segmentation}], 3, 5)
