"""The mean of several trainings of one network, as a preset.

    python scripts/average_presets.py runs/mean runs/a/preset=0.5 runs/b/preset=0.5

Networks that went on from the same weights, on other data or for longer, lie close enough together
that the mean of their weights answers too, often better than each (Wortsman et al. 2022, "Model
soups"). The new preset brings photographs and clicks to its network as the first one does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fctsfn_tf.errors import InputError

if TYPE_CHECKING:
    import keras


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path, help="directory to be made")
    parser.add_argument(
        "preset", type=_shared, nargs="+", metavar="PRESET=SHARE", help="shares that sum up to 1"
    )
    arguments = parser.parse_args()
    # Keras takes seconds to load: not before the arguments are known to be right.
    from fctsfn_tf.predict.presets import load_preset, save_preset

    presets, shares = zip(*arguments.preset, strict=True)
    try:
        _check_shares(shares)
        loaded = [load_preset(preset) for preset in presets]
        networks = [network for network, _ in loaded]
        _check_alike(networks)
        alike = zip(*(network.get_weights() for network in networks), strict=True)
        network, config = loaded[0]
        network.set_weights([np.average(one, axis=0, weights=np.float32(shares)) for one in alike])
        save_preset(network, arguments.output, config)
    except InputError as error:
        print(f"average_presets: error: {error}", file=sys.stderr)
        return 2
    return 0


def _shared(text: str) -> tuple[str, float]:
    preset, _, share = text.rpartition("=")
    try:
        return preset, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"PRESET=SHARE is expected: {text!r:.60} came") from None


def _check_shares(shares: Sequence[float]) -> None:
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise InputError(
            "Shares must be above 0 and sum up to 1, such as 0.3, 0.3 and 0.4. "
            f"Received {', '.join(f'{share:g}' for share in shares)}."
        )


def _check_alike(networks: Sequence[keras.Model]) -> None:
    shapes = [[variable.shape for variable in network.weights] for network in networks]
    if any(one != shapes[0] for one in shapes):
        raise InputError(
            "Presets of one network can be averaged. Name such as were trained from each other. "
            f"Received {', '.join(network.name for network in networks)}."
        )


if __name__ == "__main__":
    sys.exit(main())
