"""What a larger backbone would cost: python benchmarks/backbones.py

For backbones of `keras.applications`, on one thread and in turn, with random weights: what a
photograph takes, beside the compact network's own image part and click; and what one training step
through the backbone takes (forward and backward, the compact recipe's three views of 320 px),
beside a whole step of the compact network on its MobileNetV2. Megabytes are those of float16
weights; the default preset may have 8.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from dataclasses import replace

import keras
import numpy as np
from keras import ops
from timing import in_turn

from fctsfn_tf.evaluation.benchmark.cost import cost
from fctsfn_tf.networks.compact import compact_network
from fctsfn_tf.networks.encode_once import compiled_parts
from fctsfn_tf.training.compact_training import compact_training_model
from fctsfn_tf.training.recipes import CompactRecipe

BACKBONES = ("MobileNetV2", "EfficientNetV2B0", "DenseNet121", "DenseNet169", "ResNet50V2")
PHOTOGRAPH = (288, 384)
VIEW = (320, 320, 3)


class ForwardAndBackward(keras.Model):
    """A backbone whose training step is a run forward and one backward, and nothing else."""

    def __init__(self, backbone: keras.Model) -> None:
        super().__init__()
        self.backbone = backbone

    def call(self, image, training=None):  # noqa: ANN001, ANN201 (Keras' signature)
        return ops.mean(self.backbone(image, training=training), axis=(1, 2, 3))


def main() -> None:
    rng = np.random.default_rng(0)
    height, width, count = VIEW
    photograph = rng.uniform(0, 255, (1, *PHOTOGRAPH, 3)).astype("float32")
    views = rng.uniform(0, 255, (count, height, width, 3)).astype("float32")

    compact = compact_network()
    encode, click = compiled_parts(compact)
    features = encode(photograph)
    maps = np.zeros((1, *PHOTOGRAPH, 3), "float32")
    recipe = CompactRecipe()
    recipe = replace(recipe, input=replace(recipe.input, views=(VIEW,)))
    training = compact_training_model(compact_network(), recipe)
    objects = count * recipe.input.objects_per_image
    inputs = {"image": views, "click_maps": np.zeros((objects, height, width, 3), "float32")}
    target = np.zeros((objects, height, width, 1), "float32")
    target[:, 100:200, 100:200] = 1
    images = {"compact": lambda: encode(photograph)}
    steps = {"compact": lambda: training.train_on_batch(inputs, target)}
    parameters = {}
    for name in BACKBONES:
        backbone = getattr(keras.applications, name)(
            include_top=False, weights=None, input_shape=(None, None, 3)
        )
        parameters[name] = backbone.count_params()
        model = ForwardAndBackward(backbone)
        model.compile("adam", "mse")
        images[name] = lambda model=model: model.predict_on_batch(photograph)
        steps[name] = lambda model=model: model.train_on_batch(views, np.zeros(count, "float32"))

    image_seconds = in_turn(images | {"click": lambda: click([*features, maps])})
    step_seconds = in_turn(steps)
    print(f"compact: {cost(compact, *PHOTOGRAPH).image_macs / 1e9:.2f} GMAC a photograph\n")
    heads = "image ÷ compact's click | image ÷ compact's image part | step ÷ compact's"
    print(f"| backbone | MB | {heads} |")
    print("|---|---:|---:|---:|---:|")
    for name in BACKBONES:
        image = image_seconds[name]
        cells = (
            f"{2e-6 * parameters[name]:.1f}",
            f"{image / image_seconds['click']:.1f}",
            f"{image / image_seconds['compact']:.1f}",
            f"{step_seconds[name] / step_seconds['compact']:.2f}",
        )
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
