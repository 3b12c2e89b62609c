"""How does a call get keywords that it lacks, and a dict items?"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Sequence
from typing import Union

import libcst as cst

from dbpool_lint.fixing import imports
from dbpool_lint.fixing.layout import Row, more, past
from dbpool_lint.fixing.recipes import AddDictItems, AddKeywords, MergeKeywordDict
from dbpool_lint.fixing.replacing import exchanged
from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.model import Edit
from dbpool_lint.sources.syntax import Places

Items = Sequence[tuple[str, str]]
_Element = Union[cst.Arg, cst.BaseDictElement]

_UNPACKABLE = (cst.Name, cst.Attribute, cst.Subscript, cst.Call, cst.BooleanOperation, cst.IfExp)


def add_keywords(site: Site, recipe: AddKeywords) -> tuple[Edit, ...]:
    places = site.places(recipe.call.statement)
    return with_keywords(places, call_at(places, recipe.call.node), recipe.keywords)


def add_items(site: Site, recipe: AddDictItems) -> tuple[Edit, ...]:
    places = site.places(recipe.dict.statement)
    node = places.node(recipe.dict.node)
    if not isinstance(node, (cst.Dict, cst.Call)):
        raise Refused
    return _with_items(places, node, _by_key(recipe.items))


def merge_dict(site: Site, recipe: MergeKeywordDict) -> tuple[Edit, ...]:
    places = site.places(recipe.call.statement)
    call = call_at(places, recipe.call.node)
    items, added = _imported(site, recipe)
    argument = argument_of(call, recipe.name)
    if argument is None:
        if any(arg.star == "**" for arg in call.args):
            raise Refused
        return *with_keywords(places, call, ((recipe.name, _display(items)),)), *added
    edits = _merged(places, argument.value, items)
    return (*edits, *added) if edits else ()


def with_keywords(places: Places, call: cst.Call, keywords: Items) -> tuple[Edit, ...]:
    """Edits that give `call` these keywords. Raises `Refused`."""
    new = []
    edits: list[Edit] = []
    for name, code in keywords:
        argument = argument_of(call, name)
        if argument:
            edits.extend(exchanged(places, places.whole(argument.value), code))
        elif not name.isidentifier() or keyword.iskeyword(name):
            raise Refused
        else:
            new.append(f"{name}={code}")
    if new and any(isinstance(arg.value, cst.GeneratorExp) and not arg.value.lpar for arg in call.args):
        raise Refused  # `f(x for x in y)` needs parentheses of its own first
    edits.extend(_more_arguments(places, call, new) if new else ())
    return tuple(edits)


def call_at(places: Places, number: int) -> cst.Call:
    """The call with that number. Raises `Refused` where it is none."""
    node = places.node(number)
    if not isinstance(node, cst.Call):
        raise Refused
    return node


def argument_of(call: cst.Call, name: str) -> cst.Arg | None:
    """The argument that is given as keyword `name`."""
    return next((arg for arg in call.args if arg.keyword and arg.keyword.value == name), None)


def _more_arguments(places: Places, call: cst.Call, new: Sequence[str]) -> tuple[Edit, ...]:
    row = row_of(places, call)
    named = [index for index, arg in enumerate(call.args) if arg.star != "**"]
    return more(places.chunk.source.text, row, named[-1] + 1 if named else 0, new)


def row_of(places: Places, node: Union[cst.Dict, cst.Call]) -> Row:
    """The items of a dict display, or the arguments of a call."""
    start, end = places.offsets(node)
    if isinstance(node, cst.Dict):
        return Row(start + 1, end - 1, _spans(places, node.elements))
    bracket = past(places.chunk.source.text, places.whole(node.func)[1])
    return Row(bracket + 1, end - 1, _spans(places, node.args))


def _spans(places: Places, elements: Sequence[_Element]) -> tuple[tuple[int, int], ...]:
    return tuple((places.offsets(element)[0], places.whole(element.value)[1]) for element in elements)


def _with_items(places: Places, node: cst.BaseExpression, items: Items) -> tuple[Edit, ...]:
    if isinstance(node, cst.Dict):
        return _in_display(places, node, items)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "dict":
        if any(arg.star == "**" for arg in node.args):
            raise Refused  # a key that is there already would be a TypeError
        return with_keywords(places, node, items)
    raise Refused


def _in_display(places: Places, node: cst.Dict, items: Items) -> tuple[Edit, ...]:
    quote = _quote(node)
    new = []
    edits: list[Edit] = []
    for key, code in items:
        index = _index(node, key)
        if index is None:
            new.append(f"{quote}{key}{quote}: {code}")
            continue
        if not all(_literal(element) for element in node.elements[index + 1 :]):
            raise Refused  # what follows may override the item
        edits.extend(exchanged(places, places.whole(node.elements[index].value), code))
    row = row_of(places, node)
    return (*edits, *(more(places.chunk.source.text, row, len(row.items), new) if new else ()))


def _index(node: cst.Dict, key: str) -> int | None:
    """The last item with that key, which is the one that counts."""
    found = [index for index, element in enumerate(node.elements) if key_of(element) == key]
    return found[-1] if found else None


def key_of(element: cst.BaseDictElement) -> object:
    """What the key of an item says, where that is a string; none for anything else."""
    key = element.key if isinstance(element, cst.DictElement) else None
    return key.evaluated_value if isinstance(key, (cst.SimpleString, cst.ConcatenatedString)) else None


def _literal(element: cst.BaseDictElement) -> bool:
    return key_of(element) is not None


def _quote(node: cst.Dict) -> str:
    keys = [element.key for element in node.elements if isinstance(element, cst.DictElement)]
    quotes = [key.quote for key in keys if isinstance(key, cst.SimpleString)]
    return quotes[-1] if quotes and len(quotes[-1]) == 1 else '"'


def _merged(places: Places, value: cst.BaseExpression, items: Items) -> tuple[Edit, ...]:
    if isinstance(value, cst.Dict) or _is_dict_call(value):
        return _with_items(places, value, items)
    if not isinstance(value, _UNPACKABLE) or (isinstance(value, cst.Name) and value.value == "None"):
        raise Refused
    text = places.chunk.source.text
    start, end = places.whole(value)
    inner = text[start:end]
    # `**` takes neither `or` nor `if` without parentheses
    if isinstance(value, (cst.BooleanOperation, cst.IfExp)) and not value.lpar:
        inner = f"({inner})"
    return (Edit(start, end, f"{{**{inner}, {_pairs(items)}}}"),)


def _is_dict_call(value: cst.BaseExpression) -> bool:
    return (
        isinstance(value, cst.Call)
        and isinstance(value.func, cst.Name)
        and value.func.value == "dict"
        and not any(arg.star == "**" for arg in value.args)
    )


def _pairs(items: Items) -> str:
    return ", ".join(f'"{key}": {code}' for key, code in items)


def _display(items: Items) -> str:
    return f"{{{_pairs(items)}}}"


def _imported(site: Site, recipe: MergeKeywordDict) -> tuple[Items, tuple[Edit, ...]]:
    """The items with the names of other modules written as this file reaches them, and the imports to add."""
    items = _by_key(recipe.items)
    if not recipe.imports:
        return items, ()
    call = site.places(recipe.call.statement).node(recipe.call.node)
    written = {"{{": "{", "}}": "}"}
    edits: list[Edit] = []
    for module, name in recipe.imports:
        code, added = imports.reach(site, recipe.call.statement, call, imports.Wanted(module, name, whole=False))
        written[f"{{{module}.{name}}}"] = code
        edits.extend(added)
    pattern = re.compile("|".join(map(re.escape, written)))
    return tuple((key, pattern.sub(lambda found: written[found.group()], code)) for key, code in items), tuple(edits)


def _by_key(items: Items) -> Items:
    """Items by what their keys say, whether that is given as code, `'"a"'`, or as it is, `a`."""
    return tuple((ast.literal_eval(key) if key[:1] in {"'", '"'} else key, code) for key, code in items)
