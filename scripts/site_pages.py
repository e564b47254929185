"""Hooks of MkDocs (see mkdocs.yml): pages of files outside of docs/, links between all.

- Some pages of the site are READMEs and other files of the repository, so that there is one text.
- A notebook of docs/tutorials/ becomes a page as it was executed last; nothing is run here.
- A link to a file of the repository leads to its page; where it has none, to the file at
  `repo_url`, or, without such an address, it becomes plain text. A link to what is not there is a
  warning, which ends a strict build.
"""

from __future__ import annotations

import base64
import json
import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
# Page of the site → the file of the repository that it is.
FROM_ELSEWHERE = {
    "index.md": "README.md",
    "web.md": "web/README.md",
    "demo.md": "demo/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "conduct.md": "CODE_OF_CONDUCT.md",
    "security.md": "SECURITY.md",
}
ICON = "web/src/page/icon.svg"
# `[text](target)` and `![text](target)`, and code, in which nothing is a link.
LINK_OR_CODE = re.compile(r"```.*?```|`[^`\n]+`(?!\])|(!?)\[([^]]*)\]\(([^)\s]+)\)", re.DOTALL)
log = logging.getLogger("mkdocs.hooks.site_pages")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """With the pages that are made from other files."""
    for page, source in FROM_ELSEWHERE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_without_front_matter(text)))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        page = notebook.src_uri.removesuffix("ipynb") + "md"
        cells = json.loads(notebook.content_string)["cells"]
        text = _as_markdown(cells, Path(page), files, config)
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, "images/icon.svg", abs_src_path=str(ROOT / ICON)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """With every link to a file of the repository as one of the site."""
    uri = page.file.src_uri
    source = _source_of(uri, files)
    page_of = {_source_of(file.src_uri, files): file.src_uri for file in files}

    def rewritten(match: re.Match) -> str:
        mark, text, target = match.groups()
        if target is None or re.match(r"[a-z]+:|#", target):
            return match[0]
        path, hash_, anchor = target.partition("#")
        named = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if named in page_of:
            to = posixpath.relpath(page_of[named], posixpath.dirname(uri) or ".")
            return f"{mark}[{text}]({to}{hash_}{anchor})"
        if not (ROOT / named).exists():
            log.warning("%s links to %s, which is not there", source, target)
            return match[0]
        address = config.repo_url
        return f"{mark}[{text}]({address.rstrip('/')}/blob/HEAD/{named})" if address else text

    return LINK_OR_CODE.sub(rewritten, markdown)


def _source_of(uri: str, files: Files) -> str:
    """The path in the repository of a page or another file of the site."""
    if uri in FROM_ELSEWHERE:
        return FROM_ELSEWHERE[uri]
    notebook = uri.removesuffix("md") + "ipynb"
    return f"docs/{notebook if files.get_file_from_path(notebook) else uri}"


def _without_front_matter(text: str) -> str:
    """A Space's README begins with its settings, which are none of this site's."""
    return text.split("\n---\n", 1)[1] if text.startswith("---\n") else text


def _as_markdown(cells: list[dict], page: Path, files: Files, config: MkDocsConfig) -> str:
    """A notebook's cells and what they gave; pictures become files beside the page."""
    parts = []
    for number, cell in enumerate(cells):
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data or "image/jpeg" in data:
                kind = "image/png" if "image/png" in data else "image/jpeg"
                name = f"{page.stem}_{number}.{kind.removeprefix('image/')}"
                picture = base64.b64decode("".join(data[kind]))
                uri = (page.parent / name).as_posix()
                files.append(File.generated(config, uri, content=picture))
                parts.append(f"![what the lines above show]({name})")
            elif "text/markdown" in data:
                parts.append("".join(data["text/markdown"]))
            elif said := "".join(output.get("text", data.get("text/plain", []))).rstrip():
                parts.append(f"```text\n{said}\n```")
    # Below the title, where it can be had.
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{title}\n\n[This page as a notebook]({page.stem}.ipynb){{ download }}\n{rest}\n"
