"""Which file does an import mean, and where is a name really defined? Modules of the project, by their paths.

Nothing is imported. A dotted name means the file whose path ends in it; the folder left over plays the part of an
entry in `sys.path`. Folders above the importing file come first, then folders that look like source roots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dbpool_lint.sources.outline import Binding, Outline

_ROOT_FOLDERS = frozenset({"src", "lib", "python", "app", "backend", "server", "api"})
_LONGEST_CHAIN = 20


@dataclass(frozen=True, slots=True)
class Defined:
    """A global name of a module of the project."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class ModuleName:
    """A module of the project, by its file; `attrs` were asked of it but are not defined in it."""

    module: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Something outside the project, by its dotted name."""

    name: str


Meaning = Defined | ModuleName | Elsewhere | None


@dataclass(slots=True)
class Names:
    """The import tables of the whole project."""

    outlines: Mapping[str, Outline]
    _by_tail: dict[str, list[str]] = field(default_factory=dict)
    _bindings: dict[str, dict[str, list[Binding]]] = field(default_factory=dict)
    _defined: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    _located: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.outlines:
            tail = _parts(path)[-1:]
            self._by_tail.setdefault(tail[0] if tail else "", []).append(path)

    def defined(self, module: str) -> dict[str, list[int]]:
        """Global names of a module that are no imports, with the statements that bind them."""
        if module not in self._defined:
            self._defined[module] = self.outlines[module].defined()
        return self._defined[module]

    def bindings(self, module: str) -> dict[str, list[Binding]]:
        """What a module's top-level imports bind, by local name."""
        if module not in self._bindings:
            table: dict[str, list[Binding]] = {}
            for statement in self.outlines[module].statements:
                for binding in statement.imports:
                    table.setdefault(binding.local, []).append(binding)
            self._bindings[module] = table
        return self._bindings[module]

    def locate(self, dotted: str, importer: str) -> str | None:
        """The file that `import dotted` means for a module of the project, if it is one of the project."""
        folder = importer.rpartition("/")[0]
        key = (folder, dotted)
        if key not in self._located:
            self._located[key] = self._search(dotted.split("."), folder)
        return self._located[key]

    def _search(self, wanted: list[str], folder: str) -> str | None:
        candidates = [p for p in self._by_tail.get(wanted[-1], ()) if _parts(p)[-len(wanted) :] == wanted]
        ranked = sorted((rank, p) for p in candidates if (rank := _rank(p, len(wanted), folder)) is not None)
        return ranked[0][1] if ranked else None

    def absolute(self, binding: Binding, importer: str) -> str:
        """The dotted module of a binding; relative ones as a path with `/`, which `module_file` understands."""
        if not binding.level:
            return binding.module
        folder = importer.split("/")[: -binding.level]
        return "/" + "/".join([*folder, *([part for part in binding.module.split(".") if part])])

    def module_file(self, absolute: str, importer: str) -> str | None:
        """The file of a module named by `absolute`."""
        if not absolute.startswith("/"):
            return self.locate(absolute, importer) if absolute else None
        base = absolute.strip("/")
        for candidate in (f"{base}.py", f"{base}/__init__.py" if base else "__init__.py"):
            if candidate in self.outlines:
                return candidate
        return None

    def binding(self, binding: Binding, importer: str, seen: frozenset[tuple[str, str]] = frozenset()) -> Meaning:
        """What an imported name means, followed through re-exports."""
        absolute = self.absolute(binding, importer)
        if not binding.name:
            found = self.module_file(absolute, importer)
            return ModuleName(found) if found else Elsewhere(absolute)
        module = self.module_file(absolute, importer)
        if module is not None:
            meaning = self.of(module, binding.name, seen)
            if meaning is not None:
                return meaning
        inner = f"{absolute}/{binding.name}" if absolute.startswith("/") else f"{absolute}.{binding.name}"
        found = self.module_file(inner, importer)
        if found is not None:
            return ModuleName(found)
        if module is not None or absolute.startswith("/"):
            return None
        return Elsewhere(f"{absolute}.{binding.name}")

    def of(self, module: str, name: str, seen: frozenset[tuple[str, str]] = frozenset()) -> Meaning:
        """What a global name of a module means, followed through imports and star imports."""
        if (module, name) in seen or len(seen) > _LONGEST_CHAIN:
            return None
        seen = seen | {(module, name)}
        if name in self.defined(module):
            return Defined(module, name)
        bound = self.bindings(module).get(name)
        if bound:
            return self.binding(bound[-1], module, seen)
        for star, level in self.outlines[module].stars:
            target = self.module_file(self.absolute(Binding("*", star, "*", level), module), module)
            if target is not None and (meaning := self.of(target, name, seen)) is not None:
                return meaning
        return None

    def attribute(self, meaning: Meaning, name: str, importer: str) -> Meaning:
        """What `<meaning>.name` means, for modules."""
        if isinstance(meaning, Elsewhere):
            dotted = f"{meaning.name}.{name}"
            found = self.locate(dotted, importer)
            return ModuleName(found) if found else Elsewhere(dotted)
        if isinstance(meaning, ModuleName):
            inside = self.of(meaning.module, name)
            if inside is not None:
                return inside
            if meaning.module.endswith("__init__.py"):
                found = self.module_file("/" + meaning.module.removesuffix("__init__.py") + name, meaning.module)
                return ModuleName(found) if found else None
        return None

    def mention(
        self, module: str, dotted: str, inner: Mapping[str, Binding] | None = None
    ) -> Iterator[tuple[Meaning, str]]:
        """What the names in a mention such as `db.session.get` mean, from left to right, with what is left over.

        `inner` are imports of the function at hand, which come before those of the module.
        """
        first, *rest = dotted.split(".")
        if not first:
            return
        binding = inner.get(first) if inner else None
        meaning = self.binding(binding, module) if binding is not None else self.of(module, first)
        if meaning is None:
            return
        while True:
            yield meaning, ".".join(rest)
            if isinstance(meaning, Defined) or not rest:
                return
            following = self.attribute(meaning, rest.pop(0), module)
            if following is None:
                return
            meaning = following


def _parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == "__init__" else parts


def _rank(path: str, length: int, importer_folder: str) -> tuple[int, int, str] | None:
    """How well a file fits an import; None when the folder left over can be no entry of `sys.path`."""
    root = "/".join(_parts(path)[:-length])
    inside = f"{importer_folder}/".startswith(f"{root}/") if root else True
    if inside:
        return (0, -len(root), path)
    last = root.rpartition("/")[2]
    if last in _ROOT_FOLDERS or length > 1:
        return (1 if last in _ROOT_FOLDERS else 2, len(root), path)
    return None


def dotted_names(module: str, name: str) -> Iterator[str]:
    """The names by which settings may speak of a global: `src/shop/db.py` is `src.shop.db` and `shop.db`."""
    parts = module.removesuffix(".py").removesuffix("/__init__").split("/")
    for start in range(len(parts)):
        yield ".".join([*parts[start:], name])
