"""Transfer of weights from stage to stage: 32s → 16s → 8s → FCTSFN (paper §3.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import keras
from keras import ops

from fctsfn_tf.errors import InputError
from fctsfn_tf.networks.weight_files import variables_by_path


class Transfer(NamedTuple):
    """What `transfer_stage` did, by layer name, in the order of the networks.

    Attributes:
        transferred: layers of the target that now hold the source's weights.
        new: layers of the target that the source lacks; they kept theirs.
        unused: layers of the source that the target lacks.
    """

    transferred: list[str]
    new: list[str]
    unused: list[str]


def transfer_stage(source: keras.Model, target: keras.Model) -> Transfer:
    """Set the target's layers from the source's of the same name: 32s → 16s → 8s → FCTSFN (§3.3).

    Layers the source lacks are left alone, so the new score layers of a fresh target stay zero.

    Returns:
        What was transferred and what was not.

    Raises:
        InputError: a layer of the same name but another shape, or no layer in common; then nothing
            was changed.
    """
    sources, targets = variables_by_path(source), variables_by_path(target)
    common = [name for name in targets if name in sources]
    if not common:
        raise InputError(
            "Two stages must share layers by name. Build both with fctsfn_tf.networks.fctsfn. "
            f"Received '{source.name}' and '{target.name}', which share none."
        )
    for name in common:
        if sources[name].shape != targets[name].shape:
            raise InputError(
                "Layers of the same name must have the same shape in both stages. Build both with "
                f"the same depth and alpha. Received {tuple(sources[name].shape)} in "
                f"'{source.name}' and {tuple(targets[name].shape)} in '{target.name}' for '{name}'."
            )
    for name in common:
        # A copy, since on JAX a step of training deletes the arrays that it had.
        targets[name].assign(ops.copy(sources[name].value))
    return Transfer(
        transferred=_layers_of(common),
        new=_layers_of(name for name in targets if name not in sources),
        unused=_layers_of(name for name in sources if name not in targets),
    )


def _layers_of(variable_names: Iterable[str]) -> list[str]:
    """The names of the layers of some variables, each once."""
    return list(dict.fromkeys(name.rpartition("/")[0] for name in variable_names))
