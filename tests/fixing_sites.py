"""What does a recipe make of a text? Finds the node by its code, rewrites, and checks what holds for all fixes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import libcst as cst
from trial import applied, comments

from dbpool_lint.fixing.recipes import Recipe, Spot
from dbpool_lint.fixing.rewrite import Site, rewrite
from dbpool_lint.model import Edit, Source
from dbpool_lint.sources.outline import Outline, outline
from dbpool_lint.sources.syntax import preorder

Make = Callable[[Spot], Recipe]


def site_of(text: str, name: str = "app.py") -> Site:
    source = Source(Path(name), name, text)
    found = outline(source)
    assert isinstance(found, Outline), found
    return Site(source, found)


def spot_of(site: Site, code: str, kind: type[cst.CSTNode] = cst.Call, skip: int = 0) -> Spot | None:
    """The node of that kind whose text begins with `code`, or is it if that ends in `)`; outer ones come first."""
    for statement in range(len(site.statements)):
        places = site.places(statement)
        for number, node in enumerate(preorder(places.chunk.module)):
            if isinstance(node, kind):
                start, end = places.offsets(node)
                text = site.source.text[start:end]
                if text == code or (text.startswith(code) and not code.endswith(")")):
                    if not skip:
                        return Spot(statement, number)
                    skip -= 1
    return None


def edits_of(
    text: str, make: Make, code: str, kind: type[cst.CSTNode] = cst.Call, skip: int = 0, name: str = "app.py"
) -> tuple[Edit, ...] | None:
    site = site_of(text, name)
    spot = spot_of(site, code, kind, skip)
    assert spot, f"no {kind.__name__} begins with {code!r}"
    return rewrite(make(spot), site)


def fixed(
    text: str, make: Make, code: str, kind: type[cst.CSTNode] = cst.Call, skip: int = 0, name: str = "app.py"
) -> str | None:
    """The text afterwards, `None` where the recipe is refused. It parses, and no comment is lost."""
    edits = edits_of(text, make, code, kind, skip, name)
    if edits is None:
        return None
    new = applied(text, edits)
    ast.parse(new)
    assert comments(new) == comments(text)
    return new
