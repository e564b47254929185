"""The documentation is a site without a dead link, and loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="MkDocs makes the site")
ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "https://example.org/someone/fctsfn_tf"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site as `mkdocs build --strict` makes it, which refuses links that lead nowhere."""
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory)]
    variables = {**os.environ, "REPOSITORY_URL": ADDRESS}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=variables)
    assert result.returncode == 0, result.stderr
    return directory


class _Loaded(HTMLParser):
    """The addresses that a page loads by itself, and those that it leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded, self.links = [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        elif tag == "link" and given.get("rel") in ("canonical", "next", "prev"):
            pass
        else:
            self.loaded += [given[name] for name in ("src", "href", "srcset") if given.get(name)]


def read(page: Path) -> _Loaded:
    parser = _Loaded()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def test_nothing_is_loaded_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 15
    far = {
        target for page in pages for target in read(page).loaded if re.match(r"(\w+:)?//", target)
    }
    assert far == set()
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert not [text for text in styles if re.search(r"(url\(|@import)\s*['\"]?https?:", text)]


def test_what_a_page_loads_is_there(site):
    for page in site.rglob("*.html"):
        if page.name == "404.html":
            continue
        for target in read(page).loaded:
            if not re.match(r"\w+:|#", target):
                path = target.split("#")[0].split("?")[0]
                assert (page.parent / path).exists(), f"{page.name} loads {target}"


def test_files_that_are_no_pages_are_linked_in_the_repository(site):
    links = read(site / "index.html").links
    inside = [link.removeprefix(f"{ADDRESS}/blob/HEAD/") for link in links if ADDRESS in link]
    named = [path for path in inside if not path.startswith("http")]
    assert "LICENSE" in named
    assert [path for path in named if not (ROOT / path).exists()] == []
