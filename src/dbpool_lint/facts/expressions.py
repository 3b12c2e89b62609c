"""What does an expression say? LibCST expressions as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import libcst as cst

from dbpool_lint.facts import model as facts
from dbpool_lint.sources.syntax import children

OPERATORS = {
    "Add": "+",
    "Subtract": "-",
    "Multiply": "*",
    "Divide": "/",
    "FloorDivide": "//",
    "Modulo": "%",
    "Power": "**",
    "MatrixMultiply": "@",
    "LeftShift": "<<",
    "RightShift": ">>",
    "BitOr": "|",
    "BitAnd": "&",
    "BitXor": "^",
    "And": "and",
    "Or": "or",
    "Not": "not",
    "Minus": "-",
    "Plus": "+",
    "BitInvert": "~",
    "Equal": "==",
    "NotEqual": "!=",
    "LessThan": "<",
    "LessThanEqual": "<=",
    "GreaterThan": ">",
    "GreaterThanEqual": ">=",
    "Is": "is",
    "IsNot": "is not",
    "In": "in",
    "NotIn": "not in",
}


class Lowering:
    """Lowers expressions of one statement; `saw_yield` is called for each yield of the function at hand."""

    def __init__(self, numbers: dict[int, int], saw_yield: Callable[[], None]) -> None:
        self._numbers = numbers
        self._saw_yield = saw_yield
        self._by_type: dict[type[cst.CSTNode], Callable[[Any], facts.Expr]] = {
            cst.Name: self._name,
            cst.Attribute: self._attribute,
            cst.Call: self._call,
            cst.SimpleString: self._literal,
            cst.Integer: self._literal,
            cst.Float: self._literal,
            cst.ConcatenatedString: self._concatenated,
            cst.FormattedString: self._formatted,
            cst.Await: self._await,
            cst.Yield: self._yield,
            cst.Tuple: self._sequence,
            cst.List: self._sequence,
            cst.Set: self._sequence,
            cst.Dict: self._dict,
            cst.IfExp: self._choice,
            cst.BooleanOperation: self._boolean,
            cst.UnaryOperation: self._unary,
            cst.Comparison: self._comparison,
            cst.BinaryOperation: self._binary,
            cst.Subscript: self._subscript,
            cst.NamedExpr: self._walrus,
            cst.Lambda: self._lambda,
            cst.ListComp: self._comprehension,
            cst.SetComp: self._comprehension,
            cst.GeneratorExp: self._comprehension,
            cst.DictComp: self._comprehension,
            cst.StarredElement: self._star,
        }

    def lower(self, node: cst.CSTNode) -> facts.Expr:
        method = self._by_type.get(type(node))
        return method(node) if method else self._opaque(node)

    def keyword(self, arg: cst.Arg) -> facts.Keyword:
        name = arg.keyword.value if arg.keyword else ""
        return facts.Keyword(self._at(arg), name, self.lower(arg.value))

    def params(self, node: cst.Parameters) -> tuple[facts.Param, ...]:
        return tuple(self._params(node))

    def _params(self, node: cst.Parameters) -> Iterator[facts.Param]:
        for param in node.posonly_params:
            yield self._param(param, "positional")
        for param in node.params:
            yield self._param(param, "")
        if isinstance(node.star_arg, cst.Param):
            yield self._param(node.star_arg, "*")
        for param in node.kwonly_params:
            yield self._param(param, "keyword")
        if node.star_kwarg is not None:
            yield self._param(node.star_kwarg, "**")

    def _param(self, node: cst.Param, kind: str) -> facts.Param:
        annotation = self.lower(node.annotation.annotation) if node.annotation else None
        default = self.lower(node.default) if node.default else None
        return facts.Param(self._at(node), node.name.value, annotation, default, kind)

    def _at(self, node: cst.CSTNode) -> int:
        return self._numbers[id(node)]

    def _name(self, node: cst.Name) -> facts.Expr:
        if node.value in _NAMED_CONSTANTS:
            return facts.Const(self._at(node), _NAMED_CONSTANTS[node.value])
        return facts.Name(self._at(node), node.value)

    def _attribute(self, node: cst.Attribute) -> facts.Expr:
        return facts.Attr(self._at(node), self.lower(node.value), node.attr.value)

    def _call(self, node: cst.Call) -> facts.Expr:
        positional: list[facts.Expr] = []
        keywords: list[facts.Keyword] = []
        for arg in node.args:
            if arg.keyword is not None or arg.star == "**":
                keywords.append(self.keyword(arg))
            elif arg.star == "*":
                positional.append(facts.Star(self._at(arg), self.lower(arg.value)))
            else:
                positional.append(self.lower(arg.value))
        return facts.Call(self._at(node), self.lower(node.func), tuple(positional), tuple(keywords))

    def _literal(self, node: cst.SimpleString | cst.Integer | cst.Float) -> facts.Expr:
        if isinstance(node, cst.SimpleString) and (plain := _plain_text(node.value)) is not None:
            return facts.Const(self._at(node), plain)
        value = node.evaluated_value
        if isinstance(value, bytes):
            return facts.Opaque(self._at(node), ())
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return facts.Opaque(self._at(node), ())
        return facts.Const(self._at(node), value)

    def _concatenated(self, node: cst.ConcatenatedString) -> facts.Expr:
        value = node.evaluated_value
        if isinstance(value, str):
            return facts.Const(self._at(node), value)
        return facts.Text(self._at(node), (self.lower(node.left), self.lower(node.right)))

    def _formatted(self, node: cst.FormattedString) -> facts.Expr:
        parts: list[facts.Expr] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                parts.append(facts.Const(self._at(part), part.value))
            elif isinstance(part, cst.FormattedStringExpression):
                parts.append(self.lower(part.expression))
        return facts.Text(self._at(node), tuple(parts))

    def _await(self, node: cst.Await) -> facts.Expr:
        return facts.Await(self._at(node), self.lower(node.expression))

    def _yield(self, node: cst.Yield) -> facts.Expr:
        self._saw_yield()
        if node.value is None:
            return facts.Yield(self._at(node), None, False)
        if isinstance(node.value, cst.From):
            return facts.Yield(self._at(node), self.lower(node.value.item), True)
        return facts.Yield(self._at(node), self.lower(node.value), False)

    def _star(self, node: cst.StarredElement) -> facts.Expr:
        return facts.Star(self._at(node), self.lower(node.value))

    def _sequence(self, node: cst.Tuple | cst.List | cst.Set) -> facts.Expr:
        items = tuple(self.lower(e if isinstance(e, cst.StarredElement) else e.value) for e in node.elements)
        return facts.Sequence(self._at(node), type(node).__name__.lower(), items)

    def _dict(self, node: cst.Dict) -> facts.Expr:
        pairs: list[facts.Pair] = []
        for element in node.elements:
            key = self.lower(element.key) if isinstance(element, cst.DictElement) else None
            pairs.append(facts.Pair(self._at(element), key, self.lower(element.value)))
        return facts.Mapping(self._at(node), tuple(pairs))

    def _choice(self, node: cst.IfExp) -> facts.Expr:
        return facts.Choice(self._at(node), self.lower(node.test), self.lower(node.body), self.lower(node.orelse))

    def _boolean(self, node: cst.BooleanOperation) -> facts.Expr:
        op = OPERATORS[type(node.operator).__name__]
        return facts.Logic(self._at(node), op, (self.lower(node.left), self.lower(node.right)))

    def _unary(self, node: cst.UnaryOperation) -> facts.Expr:
        op = OPERATORS[type(node.operator).__name__]
        value = self.lower(node.expression)
        if op == "not":
            return facts.Logic(self._at(node), "not", (value,))
        if op == "-" and isinstance(value, facts.Const) and isinstance(value.value, (int, float)):
            return facts.Const(self._at(node), -value.value)
        return facts.Opaque(self._at(node), (value,))

    def _comparison(self, node: cst.Comparison) -> facts.Expr:
        ops = tuple(OPERATORS[type(c.operator).__name__] for c in node.comparisons)
        rights = tuple(self.lower(c.comparator) for c in node.comparisons)
        return facts.Compare(self._at(node), self.lower(node.left), ops, rights)

    def _binary(self, node: cst.BinaryOperation) -> facts.Expr:
        op = OPERATORS[type(node.operator).__name__]
        return facts.Binary(self._at(node), op, self.lower(node.left), self.lower(node.right))

    def _subscript(self, node: cst.Subscript) -> facts.Expr:
        parts = [self._index(element.slice) for element in node.slice]
        index = parts[0] if len(parts) == 1 else facts.Sequence(self._at(node.slice[0]), "tuple", tuple(parts))
        return facts.Item(self._at(node), self.lower(node.value), index)

    def _index(self, node: cst.BaseSlice) -> facts.Expr:
        return self.lower(node.value) if isinstance(node, cst.Index) else self._opaque(node)

    def _walrus(self, node: cst.NamedExpr) -> facts.Expr:
        return facts.Walrus(self._at(node), self.lower(node.target), self.lower(node.value))

    def _lambda(self, node: cst.Lambda) -> facts.Expr:
        return facts.Lambda(self._at(node), self.params(node.params), self.lower(node.body))

    def _comprehension(self, node: cst.BaseComp) -> facts.Expr:
        kind = type(node).__name__.removesuffix("Comp").removesuffix("Exp").lower()
        if isinstance(node, cst.DictComp):
            elements: tuple[facts.Expr, ...] = (self.lower(node.key), self.lower(node.value))
        else:
            assert isinstance(node, (cst.ListComp, cst.SetComp, cst.GeneratorExp))
            elements = (self.lower(node.elt),)
        return facts.Comprehension(self._at(node), kind, elements, tuple(self._clauses(node.for_in)))

    def _clauses(self, clause: cst.CompFor | None) -> Iterator[facts.Clause]:
        while clause is not None:
            tests = tuple(self.lower(test.test) for test in clause.ifs)
            target, source = self.lower(clause.target), self.lower(clause.iter)
            yield facts.Clause(self._at(clause), target, source, tests, clause.asynchronous is not None)
            clause = clause.inner_for_in

    def _opaque(self, node: cst.CSTNode) -> facts.Expr:
        parts = (child for child in children(node) if isinstance(child, cst.BaseExpression))
        return facts.Opaque(self._at(node), tuple(self.lower(part) for part in parts))


def _plain_text(code: str) -> str | None:
    """The text of a string literal without prefix and escapes, which needs no compiler; None for any other."""
    if "\\" in code or "\r" in code or code[0] not in "'\"":
        return None
    quotes = 3 if code[:3] in ('"""', "'''") and len(code) >= 6 else 1
    return code[quotes:-quotes]


_NAMED_CONSTANTS: dict[str, bool | None] = {"True": True, "False": False, "None": None}
