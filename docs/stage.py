"""Gather the pages of the documentation site: `make docs` runs it before the generator.

Pages link to files of the repository as a reader on the forge wants it, `../examples/rag.py`. Here
such links become addresses, pictures are copied, and a link to nothing or a page that the site's
navigation does not name is an error.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
REPOSITORY = "https://github.com/langchain-redis-semcache/langchain-redis-semcache/blob/main/"
ELSEWHERE = {"CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"\]\(\.\./([^)#]+)(#[^)]*)?\)")
FOR_WHOM = "For whoever uses the package and wants to know what a new version changes.\n"


def staged(text: str, page: str, into: Path) -> str:
    """The text of a page with links that lead somewhere from the site."""

    def replaced(link: re.Match[str]) -> str:
        path, anchor = link[1], link[2] or ""
        if not (ROOT / path).exists():
            sys.exit(f"docs/{page} links to ../{path}, which is not there")
        if path.endswith(".png"):
            shutil.copy(ROOT / path, into / Path(path).name)
            return f"]({Path(path).name})"
        return f"]({ELSEWHERE.get(path, REPOSITORY + path)}{anchor})"

    return LINK.sub(replaced, text)


def main(into: Path) -> None:
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    pages = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
    title, _, changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("\n")
    pages["changelog.md"] = f"{title}\n\n{FOR_WHOM}{changes}"
    named = set(re.findall(r"[\w-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    if missing := pages.keys() ^ named:
        sys.exit(f"the navigation in mkdocs.yml and docs/ differ: {', '.join(sorted(missing))}")
    for page, text in pages.items():
        (into / page).write_text(staged(text, page, into), encoding="utf-8")
    for extra in DOCS.glob("*.css"):
        shutil.copy(extra, into)
    shutil.copytree(DOCS / "pictures", into / "pictures", ignore=shutil.ignore_patterns("*.py"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
