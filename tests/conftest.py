"""What several test files share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def research_data() -> Path:
    """The folder of research data, which is never part of the package; skips where it is absent."""
    data = Path(os.environ.get("FCTSFN_DATA", ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        pytest.skip("the research data is not here; name its folder in FCTSFN_DATA")
    return data
