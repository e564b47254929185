"""An engine without a network, which the tests of this room share; it needs NumPy alone."""

from fctsfn_tf.predict.engine import Engine


class BrightEngine(Engine):
    """Bright pixels are object; disks push their surroundings; counts its calls."""

    def __init__(self, num_click_maps=3):
        self.name = "bright"
        self.num_click_maps = num_click_maps
        self.encoded = []
        self.num_clicks = 0

    def encode(self, image):
        self.encoded.append(image.shape)
        return image.mean(axis=-1)

    def click(self, features, click_maps):
        assert features.shape == click_maps.shape[:2]
        self.num_clicks += 1
        return (features - 128) / 4 + 3 * click_maps[..., 0] - 3 * click_maps[..., 1]
