"""A preset that an 8-bit export stores exactly, so that a browser computes what Python does.

    python scripts/quantize_preset.py runs/mine/preset runs/mine/quantized

The second directory is a new preset. `fctsfn_tf/networks/quantization.py` says what becomes of the
weights, `scripts/measure_export.py` measures what that costs in IoU.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fctsfn_tf.errors import InputError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("preset", help="name or directory")
    parser.add_argument("output", type=Path, help="directory to be made")
    arguments = parser.parse_args()
    # Keras takes seconds to load: not before the arguments are known to be right.
    from fctsfn_tf.networks.quantization import quantize
    from fctsfn_tf.predict.preset_files import preset_facts
    from fctsfn_tf.predict.presets import load_preset, save_preset

    try:
        model, config = load_preset(arguments.preset)
        facts = preset_facts(arguments.preset)
        quantize(model)
        save_preset(model, arguments.output, config, facts.model_card)
    except InputError as error:
        print(f"quantize_preset: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
