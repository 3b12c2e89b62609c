"""How do arguments and dict items go, or get another name, and a statement go, without losing a comment?"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Union

import libcst as cst

from dbpool_lint.fixing import closing
from dbpool_lint.fixing.cutting import less
from dbpool_lint.fixing.keywords import argument_of, call_at, key_of, row_of
from dbpool_lint.fixing.lines import Lines
from dbpool_lint.fixing.recipes import RemoveDictItems, RemoveKeywords, RemoveStatement, RenameDictItem, RenameKeyword
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places

_Display = Union[cst.Dict, cst.Call]
_Element = Union[cst.Arg, cst.BaseDictElement]
_PLAIN_STRING = re.compile(r"[\w .:/-]*")


def remove_keywords(site: Site, recipe: RemoveKeywords) -> tuple[Edit, ...]:
    places = site.places(recipe.call.statement)
    return _without(places, call_at(places, recipe.call.node), recipe.names)


def remove_items(site: Site, recipe: RemoveDictItems) -> tuple[Edit, ...]:
    places = site.places(recipe.dict.statement)
    return _without(places, _display(places, recipe.dict.node), recipe.keys)


def rename_keyword(site: Site, recipe: RenameKeyword) -> tuple[Edit, ...]:
    places = site.places(recipe.call.statement)
    return _renamed_argument(places, call_at(places, recipe.call.node), recipe.old, recipe.new)


def rename_item(site: Site, recipe: RenameDictItem) -> tuple[Edit, ...]:
    places = site.places(recipe.dict.statement)
    node = _display(places, recipe.dict.node)
    if isinstance(node, cst.Call):
        return _renamed_argument(places, node, recipe.old, recipe.new)
    found = [element for element in node.elements if key_of(element) == recipe.old]
    if any(key_of(element) == recipe.new for element in node.elements) or not _PLAIN_STRING.fullmatch(recipe.new):
        raise Refused
    return tuple(_renamed_key(places, element, recipe.new) for element in found)


def remove_statement(site: Site, recipe: RemoveStatement) -> tuple[Edit, ...]:
    places = site.places(recipe.spot.statement)
    node = places.node(recipe.spot.node)
    above = [node, *(parent for parent, _ in places.path(node))]
    line = next((found for found in above if isinstance(found, (cst.SimpleStatementLine, cst.BaseSuite))), None)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        raise Refused
    lines = Lines(places)
    closing.remove(lines, [line])
    closing.fill(lines, places.chunk.module, [line])
    return tuple(lines.edits())


def _display(places: Places, number: int) -> _Display:
    node = places.node(number)
    if isinstance(node, cst.Dict):
        return node
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "dict":
        return node
    raise Refused


def _without(places: Places, node: _Display, names: Collection[object]) -> tuple[Edit, ...]:
    elements: Sequence[_Element] = node.elements if isinstance(node, cst.Dict) else node.args
    gone = {index for index, element in enumerate(elements) if _name(element) in names}
    return tuple(less(places.chunk.source.text, row_of(places, node), gone, _comments(places, node)))


def _name(element: _Element) -> object:
    if isinstance(element, cst.Arg):
        return element.keyword.value if element.keyword else None
    return key_of(element)


def _comments(places: Places, node: _Display) -> Iterator[tuple[int, int]]:
    start, end = places.offsets(node)
    spans = (places.offsets(comment) for comment in places.comments)
    return ((first, last) for first, last in spans if start <= first < end)


def _renamed_argument(places: Places, call: cst.Call, old: str, new: str) -> tuple[Edit, ...]:
    argument = argument_of(call, old)
    if argument is None:
        return ()
    if argument_of(call, new) or not new.isidentifier() or keyword.iskeyword(new):
        raise Refused
    assert argument.keyword
    return (Edit(*places.offsets(argument.keyword), new),)


def _renamed_key(places: Places, element: cst.BaseDictElement, new: str) -> Edit:
    key = element.key if isinstance(element, cst.DictElement) else None
    if not isinstance(key, cst.SimpleString):
        raise Refused
    return Edit(*places.offsets(key), f"{key.quote}{new}{key.quote}")
