"""How does an expression give way to another one, with the parentheses and imports that it needs?"""

from __future__ import annotations

import ast
import warnings

import libcst as cst

from dbpool_lint.fixing import imports
from dbpool_lint.fixing.recipes import ReplaceExpression, ReplaceValue
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places


def replace_value(site: Site, recipe: ReplaceValue) -> tuple[Edit, ...]:
    return replace_expression(site, ReplaceExpression(recipe.value, recipe.code))


def replace_expression(site: Site, recipe: ReplaceExpression) -> tuple[Edit, ...]:
    places = site.places(recipe.spot.statement)
    node = places.node(recipe.spot.node)
    if not isinstance(node, cst.BaseExpression):
        raise Refused
    code, added = imports.reached(site, recipe.spot.statement, node, recipe.code, recipe.imports)
    edits = written(places, node, code)
    return (*edits, *added) if edits else ()


def written(places: Places, node: cst.BaseExpression, code: str) -> tuple[Edit, ...]:
    """Edits that write `code` where `node` stands, none where it does already. Raises `Refused`."""
    start, end = places.offsets(node)
    chunk = places.chunk
    front, behind = chunk.text[: start - chunk.start], chunk.text[end - chunk.start :]
    enclosed = _meaning(f"{front}({code}){behind}")
    if enclosed is None and _meaning(chunk.text) is not None:
        raise Refused
    # where the running Python cannot read the file, parentheses do no harm
    plain = enclosed is not None and _meaning(f"{front}{code}{behind}") == enclosed
    return exchanged(places, (start, end), code if plain else f"({code})")


def exchanged(places: Places, span: tuple[int, int], code: str) -> tuple[Edit, ...]:
    """Edits that write `code` at `span`, none where it stands there. Raises `Refused` where a comment would go."""
    start, end = span
    if places.chunk.source.text[start:end] == code:
        return ()
    if any(start <= places.offsets(comment)[0] < end for comment in places.comments):
        raise Refused
    return (Edit(start, end, code),)


def _meaning(text: str) -> str | None:
    """The same for texts that mean the same; none for one that does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.dump(ast.parse(text))
    except SyntaxError:
        return None
