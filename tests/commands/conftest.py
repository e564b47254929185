import pytest

from fctsfn_tf.commands import arguments as shared


@pytest.fixture
def light(monkeypatch):
    """Keras stays out: these commands are tested up to what they call."""
    monkeypatch.setattr(shared, "import_quietly", lambda: None)
    monkeypatch.setattr(shared, "start_quietly", lambda preset, engine: None)
    monkeypatch.setattr("fctsfn_tf.predict.preset_files.DEFAULT_PRESET", "the default")
