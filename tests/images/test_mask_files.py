import numpy as np
import pytest
from example_masks import HEIGHT, WIDTH, disk
from PIL import Image

from fctsfn_tf.errors import InputError
from fctsfn_tf.images.annotation_files import coco_json
from fctsfn_tf.images.mask_files import read_mask, save
from fctsfn_tf.images.masks import voc_palette
from fctsfn_tf.images.png_files import cutout_png, index_png, mask_png


def test_save_checks_the_suffix_and_never_overwrites_unasked(tmp_path, mask):
    path = tmp_path / "Hündchen 狗.PNG"
    save(path, mask_png(mask))
    with pytest.raises(InputError, match="exists already"):
        save(path, mask_png(~mask))
    np.testing.assert_array_equal(read_mask(path, HEIGHT, WIDTH), mask)
    save(path, mask_png(~mask), overwrite=True)
    np.testing.assert_array_equal(read_mask(path, HEIGHT, WIDTH), ~mask)
    for name, content in (("a.jpg", mask_png(mask)), ("a.png", coco_json(mask, "a"))):
        with pytest.raises(InputError, match="give it a name that ends so"):
            save(tmp_path / name, content)
        assert not (tmp_path / name).exists()


def test_read_mask_of_what_we_and_others_write(tmp_path, image, mask):
    save(tmp_path / "mask.png", mask_png(mask))
    save(tmp_path / "index.png", index_png([mask & ~disk(20, 75, 9), disk(20, 75, 7)]))
    save(tmp_path / "cutout.png", cutout_png(image, mask))
    Image.fromarray(mask).save(tmp_path / "bit.png")
    Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "zero_one.png")
    Image.fromarray(mask.astype(np.uint16) * 65535).save(tmp_path / "deep.png")
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    grey.convert("RGB").save(tmp_path / "rgb.png")
    grey.convert("RGBA").save(tmp_path / "opaque.png")
    grey.convert("P").save(tmp_path / "grey_palette.png")
    grey.save(tmp_path / "lossy.jpg", quality=90)
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(read_mask(path, HEIGHT, WIDTH), mask, err_msg=path.name)


def test_read_mask_leaves_void_out(tmp_path, mask):
    index = np.where(disk(55, 5, 3), 255, mask).astype(np.uint8)
    void = Image.fromarray(index).convert("P")
    void.putpalette(voc_palette().tobytes())
    void.save(tmp_path / "void.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "void.png", HEIGHT, WIDTH), mask)


def test_read_mask_refuses_what_is_none(tmp_path, image, mask):
    save(tmp_path / "mask.png", mask_png(mask))
    with pytest.raises(InputError, match="90 × 60"):
        read_mask(tmp_path / "mask.png", WIDTH, HEIGHT)
    Image.fromarray(image).save(tmp_path / "photo.png")
    Image.fromarray(image[..., 0].astype(np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(image).convert("CMYK").save(tmp_path / "cmyk.jpg")
    for name in ("photo.png", "float.tif", "cmyk.jpg"):
        with pytest.raises(InputError, match="black and white"):
            read_mask(tmp_path / name, HEIGHT, WIDTH)


def test_read_mask_of_an_editors_palette_and_of_lossy_files(tmp_path, mask):
    indexed = Image.fromarray((~mask).astype(np.uint8)).convert("P")
    indexed.putpalette([255, 0, 0, 0, 0, 0])  # black is not the first colour
    indexed.save(tmp_path / "indexed.png")
    white = Image.fromarray(mask.astype(np.uint8) * 255)
    white.convert("RGB").save(tmp_path / "lossy.webp", quality=60)
    Image.fromarray(np.where(mask, 255, 0).astype(np.int32)).save(tmp_path / "wide.tif")
    for name in ("indexed.png", "wide.tif"):
        np.testing.assert_array_equal(read_mask(tmp_path / name, HEIGHT, WIDTH), mask)
    assert (read_mask(tmp_path / "lossy.webp", HEIGHT, WIDTH) != mask).mean() < 0.005
