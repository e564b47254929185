"""The optimisers of the recipes: SGD as Caffe does it, AdamW with a slower backbone.

Keras has neither: its optimisers have one rate for all variables (`MultiOptimizer`, with one for
each group, came with Keras 3.15). Schedules of the rate, clipping and the moving average of the
weights are Keras' own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from fctsfn_tf.training.recipes import CompactRecipe, PaperRecipe, PracticalRecipe


def cosine_after_warmup(
    learning_rate: float, steps: int, warmup: int, end: float = 0.0
) -> keras.optimizers.schedules.CosineDecay:
    """A rate that rises from 0 to `learning_rate` in `warmup` of the steps, then falls to `end` of
    it."""
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), end, warmup_target=learning_rate, warmup_steps=warmup
    )


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class CaffeSGD(keras.optimizers.SGD):
    """SGD with momentum whose weight decay is part of the gradient, and whose biases learn faster.

    Keras takes `weight_decay` off the weights beside the momentum; Caffe adds it to the gradient
    before, so with momentum 0.99 it acts a hundred times as strongly. Variables named "bias" get
    no decay and `bias_factor` times the learning rate.

    Args:
        learning_rate: a number or a schedule of `keras.optimizers.schedules`.
        momentum: in [0, 1].
        nesterov: as in `keras.optimizers.SGD`.
        decay: of the weights.
        bias_factor: learning rate of the biases over that of the weights.

    Source: paper §3.3 (momentum 0.99, decay 5e-4); bias ×2 without decay, from the released files.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-10,
        momentum: float = 0.99,
        nesterov: bool = False,
        decay: float = 5e-4,
        bias_factor: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, momentum, nesterov, **kwargs)
        self.decay = decay
        self.bias_factor = bias_factor

    def build(self, variables: list[Any]) -> None:
        if not self.built:
            # In `update_step` a variable is the backend's, whose name is not Keras'.
            self._is_bias = [variable.name == "bias" for variable in variables]
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if self._is_bias[self._get_variable_index(variable)]:
            learning_rate = learning_rate * self.bias_factor
        else:
            gradient = ops.cast(gradient, variable.dtype) + self.decay * variable
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict:
        return {**super().get_config(), "decay": self.decay, "bias_factor": self.bias_factor}


@keras.saving.register_keras_serializable(package="fctsfn_tf")
class SlowerAdamW(keras.optimizers.AdamW):
    """AdamW in which the kernels of some layers, such as a pretrained backbone's, learn slower.

    Args:
        slower: {name of a layer: its learning rate over that of the others}; or names, whose rate
            is `factor`.
        factor: see there.
        learning_rate, kwargs: as in `keras.optimizers.AdamW`.

    Source: RITM (Sofiiuk et al. 2021) trains its backbone at a tenth of the rate.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        slower: Mapping[str, float] | Sequence[str] = (),
        factor: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        is_named = isinstance(slower, Mapping)
        self.slower = dict(slower) if is_named else dict.fromkeys(slower, factor)

    def build(self, variables: list[Any]) -> None:
        if not self.built:
            # In `update_step` a variable is the backend's, whose path is not Keras'.
            self._factors = [self._factor_of(variable.path) for variable in variables]
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        factor = self._factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)

    def _factor_of(self, path: str) -> float:
        return next((self.slower[name] for name in path.split("/") if name in self.slower), 1.0)

    def get_config(self) -> dict:
        return {**super().get_config(), "slower": self.slower}


def paper_optimizer(recipe: PaperRecipe) -> CaffeSGD:
    """The optimiser of a stage, with the drops of its learning rate."""
    rate: Any = recipe.learning_rate
    if recipe.drops:
        rates = [rate * 0.1**drop for drop in range(len(recipe.drops) + 1)]
        # Keras' boundaries are the last steps of the old rate, Caffe's the first of the new one.
        last = [drop - 1 for drop in recipe.drops]
        rate = keras.optimizers.schedules.PiecewiseConstantDecay(last, rates)
    return CaffeSGD(
        rate,
        recipe.momentum,
        recipe.nesterov,
        recipe.decay,
        recipe.bias_factor,
        name="caffe_sgd",
    )


def compact_optimizer(recipe: CompactRecipe, backbone: Sequence[str]) -> SlowerAdamW:
    """The optimiser of the compact network, with its rate over all steps and a moving average.

    Args:
        backbone: names of the layers that learn slower.
    """
    steps = recipe.schedule.steps
    rate = cosine_after_warmup(recipe.learning_rate, steps, round(recipe.warmup_share * steps))
    return _averaging_adam_w(recipe, rate, dict.fromkeys(backbone, recipe.backbone_factor))


def practical_optimizer(recipe: PracticalRecipe, factors: Mapping[str, float]) -> SlowerAdamW:
    """The optimiser of a stage of a paper's network by the practical recipe.

    Args:
        factors: {name of a layer: its learning rate over the recipe's}.
    """
    steps = recipe.schedule.steps
    warmup = min(recipe.warmup, steps // 2)
    rate = cosine_after_warmup(recipe.learning_rate, steps, warmup, recipe.end_share)
    return _averaging_adam_w(recipe, rate, factors)


def _averaging_adam_w(
    recipe: CompactRecipe | PracticalRecipe, rate: Any, factors: Mapping[str, float]
) -> SlowerAdamW:
    """AdamW with a moving average of the weights, and no decay of biases and BatchNorm."""
    optimizer = SlowerAdamW(
        rate,
        factors,
        weight_decay=recipe.weight_decay,
        global_clipnorm=recipe.clip_norm,
        use_ema=True,
        ema_momentum=recipe.average_decay,
        name="adam_w",
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
