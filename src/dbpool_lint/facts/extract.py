"""What do the sliced statements say? One LibCST visitor, one walk, for all rules."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import libcst as cst
import libcst.matchers as m

from dbpool_lint.facts import expressions
from dbpool_lint.facts import model as facts
from dbpool_lint.sources.outline import Binding, bindings
from dbpool_lint.sources.syntax import Chunk, preorder


def extract(chunk: Chunk) -> tuple[facts.Stmt, ...]:
    """The facts of one chunk. Raises `RecursionError` for code nested too deeply."""
    numbers = {id(node): number for number, node in enumerate(preorder(chunk.module))}
    visitor = FactsVisitor(numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the values of strings are worked out, odd escapes too
        return visitor.block(chunk.module.body)


class FactsVisitor(cst.CSTVisitor):
    """Turns statements into facts. Driven by `block`, which looks at nodes without rebuilding them.

    `visit_*` methods append what they make to the innermost open block and return False: they look after the
    nodes below themselves.
    """

    def __init__(self, numbers: dict[int, int]) -> None:
        super().__init__()
        self._numbers = numbers
        self._blocks: list[list[facts.Stmt]] = []
        self._yields: list[bool] = []
        self._expressions = expressions.Lowering(numbers, self._saw_yield)

    def block(self, body: Iterable[cst.CSTNode]) -> tuple[facts.Stmt, ...]:
        """The facts of statements that stand one after another."""
        self._blocks.append([])
        for node in body:
            self._visit(node)
        return tuple(self._blocks.pop())

    def _visit(self, node: cst.CSTNode) -> None:
        if isinstance(node, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
            for small in node.body:
                self._visit(small)
            return
        method: Callable[[Any], bool | None] = getattr(self, f"visit_{type(node).__name__}")
        method(node)

    def _suite(self, node: cst.BaseSuite | None) -> tuple[facts.Stmt, ...]:
        return self.block(node.body) if node is not None else ()

    def _orelse(self, node: cst.Else | cst.If | None) -> tuple[facts.Stmt, ...]:
        if node is None:
            return ()
        return self._suite(node.body) if isinstance(node, cst.Else) else self.block([node])

    def _add(self, statement: facts.Stmt) -> bool:
        self._blocks[-1].append(statement)
        return False

    def _at(self, node: cst.CSTNode) -> int:
        return self._numbers[id(node)]

    def _expr(self, node: cst.CSTNode) -> facts.Expr:
        return self._expressions.lower(node)

    def _maybe(self, node: cst.CSTNode | None) -> facts.Expr | None:
        return None if node is None else self._expr(node)

    def _saw_yield(self) -> None:
        if self._yields:
            self._yields[-1] = True

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        decorators = tuple(self._expr(d.decorator) for d in node.decorators)
        params = self._expressions.params(node.params)
        returns = self._maybe(node.returns.annotation if node.returns else None)
        self._yields.append(False)
        body = self._suite(node.body)
        return self._add(
            facts.Function(
                self._at(node),
                node.name.value,
                params,
                returns,
                decorators,
                body,
                node.asynchronous is not None,
                self._yields.pop(),
            )
        )

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        bases = tuple(self._expr(arg.value) for arg in node.bases)
        keywords = tuple(self._expressions.keyword(arg) for arg in node.keywords)
        decorators = tuple(self._expr(d.decorator) for d in node.decorators)
        self._yields.append(False)
        body = self._suite(node.body)
        self._yields.pop()
        return self._add(facts.Class(self._at(node), node.name.value, bases, keywords, decorators, body))

    def visit_Assign(self, node: cst.Assign) -> bool:
        targets = tuple(self._expr(target.target) for target in node.targets)
        return self._add(facts.Assign(self._at(node), targets, self._expr(node.value)))

    def visit_AnnAssign(self, node: cst.AnnAssign) -> bool:
        target, annotation = self._expr(node.target), self._expr(node.annotation.annotation)
        if node.value is None:
            return self._add(facts.Declare(self._at(node), target, annotation))
        return self._add(facts.Assign(self._at(node), (target,), self._expr(node.value), annotation))

    def visit_AugAssign(self, node: cst.AugAssign) -> bool:
        op = expressions.OPERATORS.get(type(node.operator).__name__.removesuffix("Assign"), "?") + "="
        return self._add(facts.Augment(self._at(node), op, self._expr(node.target), self._expr(node.value)))

    def visit_Expr(self, node: cst.Expr) -> bool:
        return self._add(facts.Evaluate(self._at(node), self._expr(node.value)))

    def visit_Return(self, node: cst.Return) -> bool:
        return self._add(facts.Return(self._at(node), self._maybe(node.value)))

    def visit_Raise(self, node: cst.Raise) -> bool:
        cause = self._maybe(node.cause.item if node.cause else None)
        return self._add(facts.Raise(self._at(node), self._maybe(node.exc), cause))

    def visit_Del(self, node: cst.Del) -> bool:
        target = self._expr(node.target)
        targets = target.items if isinstance(target, facts.Sequence) else (target,)
        return self._add(facts.Delete(self._at(node), targets))

    def visit_Assert(self, node: cst.Assert) -> bool:
        return self._add(facts.Assert(self._at(node), self._expr(node.test)))

    def visit_Break(self, node: cst.Break) -> bool:
        return self._add(facts.Jump(self._at(node), "break"))

    def visit_Continue(self, node: cst.Continue) -> bool:
        return self._add(facts.Jump(self._at(node), "continue"))

    def visit_Pass(self, node: cst.Pass) -> bool:
        return self._add(facts.Jump(self._at(node), "pass"))

    def visit_Global(self, node: cst.Global) -> bool:
        return self._add(facts.Scope(self._at(node), "global", tuple(n.name.value for n in node.names)))

    def visit_Nonlocal(self, node: cst.Nonlocal) -> bool:
        return self._add(facts.Scope(self._at(node), "nonlocal", tuple(n.name.value for n in node.names)))

    def visit_Import(self, node: cst.Import) -> bool:
        return self._add(facts.Import(self._at(node), _bindings(node)))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return self._add(facts.Import(self._at(node), _bindings(node)))

    def visit_If(self, node: cst.If) -> bool:
        test = self._expr(node.test)
        body = self._suite(node.body)
        return self._add(facts.If(self._at(node), test, body, self._orelse(node.orelse)))

    def visit_While(self, node: cst.While) -> bool:
        test = self._expr(node.test)
        body = self._suite(node.body)
        return self._add(facts.While(self._at(node), test, body, self._orelse(node.orelse)))

    def visit_For(self, node: cst.For) -> bool:
        target, source = self._expr(node.target), self._expr(node.iter)
        body = self._suite(node.body)
        orelse = self._orelse(node.orelse)
        return self._add(facts.For(self._at(node), target, source, body, orelse, node.asynchronous is not None))

    def visit_With(self, node: cst.With) -> bool:
        items = tuple(
            facts.Entered(self._at(i), self._expr(i.item), self._maybe(i.asname.name if i.asname else None))
            for i in node.items
        )
        return self._add(facts.With(self._at(node), items, self._suite(node.body), node.asynchronous is not None))

    def visit_Try(self, node: cst.Try) -> bool:
        return self._tried(node, group=False)

    def visit_TryStar(self, node: cst.TryStar) -> bool:
        return self._tried(node, group=True)

    def _tried(self, node: cst.Try | cst.TryStar, *, group: bool) -> bool:
        body = self._suite(node.body)
        handlers = tuple(self._handlers(node.handlers))
        orelse = self._orelse(node.orelse)
        final = self._suite(node.finalbody.body if node.finalbody else None)
        return self._add(facts.Try(self._at(node), body, handlers, orelse, final, group))

    def _handlers(
        self, handlers: Iterable[cst.ExceptHandler] | Iterable[cst.ExceptStarHandler]
    ) -> Iterator[facts.Handler]:
        for handler in handlers:
            target = handler.name.name if handler.name else None
            name = target.value if isinstance(target, cst.Name) else ""
            yield facts.Handler(self._at(handler), self._maybe(handler.type), name, self._suite(handler.body))

    def visit_Match(self, node: cst.Match) -> bool:
        subject = self._expr(node.subject)
        return self._add(facts.Match(self._at(node), subject, tuple(self._case(case) for case in node.cases)))

    def _case(self, node: cst.MatchCase) -> facts.Case:
        binds = tuple(name.value for found in m.findall(node.pattern, _BINDING) if (name := _bound(found)) is not None)
        parts = tuple(self._expr(v.value) for v in _match_values(node.pattern))
        fits = isinstance(node.pattern, cst.MatchAs) and node.pattern.pattern is None
        return facts.Case(self._at(node), binds, parts, self._maybe(node.guard), self._suite(node.body), fits)


_BINDING = m.MatchAs() | m.MatchStar() | m.MatchMapping()


def _bound(node: cst.CSTNode) -> cst.Name | None:
    name = getattr(node, "rest", None) if isinstance(node, cst.MatchMapping) else getattr(node, "name", None)
    return name if isinstance(name, cst.Name) else None


def _match_values(pattern: cst.CSTNode) -> Iterator[cst.MatchValue]:
    for found in m.findall(pattern, m.MatchValue()):
        assert isinstance(found, cst.MatchValue)
        yield found


def _bindings(node: cst.Import | cst.ImportFrom) -> tuple[Binding, ...]:
    parsed = ast.parse(cst.Module([]).code_for_node(node.with_changes(semicolon=cst.MaybeSentinel.DEFAULT))).body[0]
    assert isinstance(parsed, (ast.Import, ast.ImportFrom))
    return tuple(bindings(parsed))
