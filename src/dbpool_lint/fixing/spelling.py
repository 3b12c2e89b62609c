"""How does a file spell the name of a module in its imports? One from outside, or a file of the project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dbpool_lint.fixing.site import Refused, Site
from dbpool_lint.sources.outline import Binding


@dataclass(frozen=True, slots=True)
class Spelling:
    """A module as seen from one file.

    `dotted` is what a new import calls it, with leading dots where it is relative; `parts` are those of its path
    from the project's root, none for a module from outside; `folder` is that of the file that imports it.
    """

    dotted: str
    parts: tuple[str, ...]
    folder: tuple[str, ...]

    def is_module(self, module: str, level: int) -> bool:
        """Does `module`, in an import of that level, mean this one?"""
        if not self.parts:
            return not level and module == self.dotted
        return _means(self.parts, self.folder, module, level)

    def is_inside(self, module: str, level: int, name: str) -> bool:
        """Does `from module import name` bring in this one?"""
        return self.is_module(f"{module}.{name}".removeprefix("."), level)

    def names(self, package: str) -> Iterator[str]:
        """The absolute names of this module that are below `package`, or are `package`."""
        own = [".".join(self.parts[start:]) for start in range(len(self.parts))] if self.parts else [self.dotted]
        return (name for name in own if name == package or name.startswith(f"{package}."))


def spelling(site: Site, module: str) -> Spelling:
    """`module` is a dotted name, or the path of a file of the project; raises `Refused` where that has no sure name."""
    *folder, _ = site.source.name.split("/")
    if not module.endswith(".py"):
        return Spelling(module, (), tuple(folder))
    parts = _parts(module)
    for dotted in _spelled(site, parts, tuple(folder)):
        return Spelling(dotted, parts, tuple(folder))
    raise Refused


def _parts(path: str) -> tuple[str, ...]:
    parts = path.removesuffix(".py").split("/")
    return tuple(parts[:-1] if parts[-1] == "__init__" else parts)


def _means(parts: tuple[str, ...], folder: tuple[str, ...], module: str, level: int) -> bool:
    names = tuple(module.split(".")) if module else ()
    if level:
        return (*folder[: len(folder) - level + 1], *names) == parts
    return bool(names) and parts[-len(names) :] == names


def _spelled(site: Site, parts: tuple[str, ...], folder: tuple[str, ...]) -> Iterator[str]:
    """What imports of this file would call it: as they do, relative as others are, below a package that they name."""
    bindings = [binding for statement in site.statements for binding in statement.imports]
    for binding in bindings:
        if _means(parts, folder, binding.module, binding.level):
            yield "." * binding.level + binding.module
        inner = f"{binding.module}.{binding.name}".removeprefix(".")
        if binding.name and _means(parts, folder, inner, binding.level):
            yield "." * binding.level + inner
    levels = [binding.level for binding in bindings if binding.level]
    common = sum(1 for _ in _common(parts, folder))
    level = len(folder) - common + 1
    if levels and level <= max(levels) and parts[common:]:
        yield "." * level + ".".join(parts[common:])
    yield from _below_packages(bindings, parts, folder)


def _common(parts: tuple[str, ...], folder: tuple[str, ...]) -> Iterator[str]:
    for one, other in zip(parts, folder, strict=False):
        if one != other:
            return
        yield one


def _below_packages(bindings: list[Binding], parts: tuple[str, ...], folder: tuple[str, ...]) -> Iterator[str]:
    """The file stands in a package that its own imports name, and so does the module."""
    for binding in bindings:
        package = binding.module.partition(".")[0]
        if not binding.level and parts.count(package) == 1:
            start = parts.index(package)
            if folder[: start + 1] == parts[: start + 1]:
                yield ".".join(parts[start:])
