"""What a run leaves: its network as a preset, with what is known of it."""

from __future__ import annotations

from pathlib import Path

from fctsfn_tf.networks.click_network import ClickNetwork
from fctsfn_tf.predict.config import PredictorConfig
from fctsfn_tf.predict.presets import save_preset
from fctsfn_tf.training.run_state import RunState

PRESET_NAME = "preset"


def save_trained(
    directory: Path,
    network: ClickNetwork,
    config: PredictorConfig,
    state: RunState,
    dtype: str,
) -> None:
    """Leave the network as a preset, unless an earlier call has done so."""
    preset = directory / PRESET_NAME
    if preset.exists():
        return
    lines = [f"# {network.name}", "", f"After {state.step} steps; not measured on test data yet."]
    if state.best_score is not None:
        lines.append(f"Best validation: {state.best_score:.1%} mean IoU at step {state.best_step}.")
    card = "\n".join(lines) + "\n"
    save_preset(network, preset, config, card, dtype)
