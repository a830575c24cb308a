"""Every relative link in a Markdown page leads to a file of the tree, and to a heading that it has.

usage: links.py [ROOT]
"""

import os
import pathlib
import re
import sys

import source

SKIPPED_FOLDERS = re.compile(r"\.git|build.*|__pycache__|\.pytest_cache")
_FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)


def pages(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not SKIPPED_FOLDERS.fullmatch(each))
        yield from (pathlib.Path(folder, name) for name in sorted(names) if name.endswith(".md"))


def blanked(pattern, text):
    """The text without what matches; line numbers stay."""
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def anchors(page):
    """The fragments that name its headings, as a forge makes them."""
    found, counts = set(), {}
    for heading in _HEADING.findall(blanked(_FENCE, page.read_text(encoding="utf-8"))):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = counts.get(anchor, 0)
        counts[anchor] = count + 1
        found.add(f"{anchor}-{count}" if count else anchor)
    return found


def check(root):
    root = pathlib.Path(root).resolve()
    for page in pages(root):
        text = blanked(_CODE, blanked(_FENCE, page.read_text(encoding="utf-8")))
        for link in _LINK.finditer(text):
            why = _why_broken(root, page, link.group(1))
            if why:
                place = f"{page.relative_to(root)}:{source.line_of(text, link.start())}"
                yield f"{place}: {link.group(1)}: {why}"


def _why_broken(root, page, link):
    if re.match(r"[a-z]+:", link):
        return None
    path, _, fragment = link.partition("#")
    target = pathlib.Path(os.path.normpath(page.parent / path)) if path else page
    if root not in target.parents and target != root:
        return "leads out of the tree"
    if not target.exists():
        return "no such file"
    if fragment and (target.suffix != ".md" or fragment not in anchors(target)):
        return "no such heading"
    return None


if __name__ == "__main__":
    sys.exit(
        source.report(list(check(sys.argv[1] if len(sys.argv) > 1 else source.REPOSITORY)), "links")
    )
