"""Which names the scopes of a module bind and read: the part of Python's own analysis that we need, with positions.

The tree is walked with a list instead of recursion: generated code nests deeper than Python's stack.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Literal

__all__ = ["Scope", "read_scopes"]

Kind = Literal["module", "function", "class", "comprehension"]
Place = tuple[int, int]
_Step = tuple[ast.AST, "Scope"]


class Scope:
    """A module, function, class or comprehension, filled while the tree is walked.

    ``reads`` are names with line (from 1) and offset in UTF-8 bytes (from 0), as ``ast`` counts.
    """

    __slots__ = ("augmented", "bound", "kind", "outer", "outside", "reads")

    def __init__(self, kind: Kind, outer: Scope | None = None) -> None:
        self.kind = kind
        self.outer = outer
        self.bound: set[str] = set()
        self.augmented: set[str] = set()
        """Bound by ``x += 1``, which reads first."""
        self.outside: set[str] = set()
        """Declared global here."""
        self.reads: list[tuple[str, Place]] = []

    @property
    def module(self) -> Scope:
        """The outermost scope."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope

    def settle(self) -> None:
        """Once all is read: what is declared global is bound in the module; ``+=`` binds only a function's own."""
        self.module.bound |= self.bound & self.outside
        self.bound |= set() if self.outer is None else self.augmented
        if self.outer is not None:
            self.bound -= self.outside

    def resolves_to_nothing(self, name: str) -> bool:
        """Whether a read in this scope finds no binding in the code. Classes are not seen by what is inside them."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.outside:
                return name not in scope.module.bound
            if name in scope.bound and (scope is self or scope.kind != "class"):
                return False
            scope = scope.outer
        return True


def read_scopes(tree: ast.Module) -> list[Scope] | None:
    """Every scope of the module; None if names may be bound in ways that cannot be seen."""
    walk = _Walk(tree)
    return walk.scopes if walk.run() else None


class _Walk:
    def __init__(self, tree: ast.Module) -> None:
        module = Scope("module")
        self.scopes = [module]
        self._todo: list[_Step] = [(tree, module)]
        self._plain = True
        self._lazy = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "annotations" for alias in node.names)
            for node in tree.body
        )
        self._visits: dict[type[ast.AST], Callable[..., None]] = {
            ast.Name: self._name,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.Lambda: self._lambda,
            ast.ClassDef: self._class,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.Global: self._global,
            ast.AugAssign: self._augmented,
            ast.AnnAssign: self._annotated,
            ast.NamedExpr: self._walrus,
            **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), self._comprehension),
        }

    def run(self) -> bool:
        """Walk the tree; whether all bindings could be seen."""
        while self._todo and self._plain:
            node, scope = self._todo.pop()
            visit = self._visits.get(type(node), self._other)
            visit(node, scope)
        for scope in self.scopes:
            scope.settle()
        return self._plain

    def _later(self, scope: Scope, *parts: ast.AST | list[ast.expr] | list[ast.stmt] | list[ast.AST] | None) -> None:
        for part in parts:
            if isinstance(part, ast.AST):
                self._todo.append((part, scope))
            elif part:
                self._todo.extend((node, scope) for node in part)

    def _inner(self, kind: Kind, outer: Scope) -> Scope:
        scope = Scope(kind, outer)
        self.scopes.append(scope)
        return scope

    def _other(self, node: ast.AST, scope: Scope) -> None:
        """Anything else. The names in ``except E as name``, in patterns and in type parameters are plain strings."""
        for field in ("name", "rest"):
            name = getattr(node, field, None)
            if isinstance(name, str) and not isinstance(node, ast.alias):
                scope.bound.add(name)
        self._later(scope, list(ast.iter_child_nodes(node)))

    def _name(self, node: ast.Name, scope: Scope) -> None:
        if node.id in ("exec", "globals"):
            self._plain = False
        if isinstance(node.ctx, ast.Store) or (isinstance(node.ctx, ast.Del) and scope.kind != "module"):
            scope.bound.add(node.id)
        else:
            scope.reads.append((node.id, (node.lineno, node.col_offset)))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        scope.bound.add(node.name)
        self._later(scope, node.decorator_list)
        inner = self._inner("function", self._type_parameters(node, scope))
        self._arguments(node.args, scope, inner)
        if not self._lazy and node.returns:
            self._later(inner.outer or scope, node.returns)
        self._later(inner, node.body)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> None:
        inner = self._inner("function", scope)
        self._arguments(node.args, scope, inner)
        self._later(inner, node.body)

    def _arguments(self, args: ast.arguments, scope: Scope, inner: Scope) -> None:
        self._later(scope, args.defaults, [default for default in args.kw_defaults if default is not None])
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        for arg in every:
            if arg is not None:
                inner.bound.add(arg.arg)
                if arg.annotation and not self._lazy:
                    self._later(inner.outer or scope, arg.annotation)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.bound.add(node.name)
        self._later(scope, node.decorator_list)
        around = self._type_parameters(node, scope)
        self._later(around, node.bases, [keyword.value for keyword in node.keywords])
        self._later(self._inner("class", around), node.body)

    def _type_parameters(self, node: ast.AST, scope: Scope) -> Scope:
        """Python 3.12's ``def f[T]()``: a scope of their own around the definition."""
        parameters: list[ast.AST] = getattr(node, "type_params", [])
        if not parameters:
            return scope
        around = self._inner("function", scope)
        self._later(around, parameters)
        return around

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if alias.name == "*":
                self._plain = False
            scope.bound.add(alias.asname or alias.name.partition(".")[0])

    def _global(self, node: ast.Global, scope: Scope) -> None:
        scope.outside.update(node.names)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        target = node.target
        if isinstance(target, ast.Name):
            scope.augmented.add(target.id)
            scope.reads.append((target.id, (target.lineno, target.col_offset)))
            self._later(scope, node.value)
        else:
            self._later(scope, target, node.value)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        """Annotations of a function's variables are never evaluated; one without a value binds only there."""
        if not self._lazy and scope.kind != "function":
            self._later(scope, node.annotation)
        if node.value or scope.kind == "function" or not isinstance(node.target, ast.Name):
            self._later(scope, node.target, node.value)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> None:
        """In a comprehension it binds outside of it."""
        owner = scope
        while owner.kind == "comprehension" and owner.outer is not None:
            owner = owner.outer
        owner.bound.add(node.target.id)
        self._later(scope, node.value)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: Scope) -> None:
        """Its first iterable belongs to the scope around it."""
        self._later(scope, node.generators[0].iter)
        inner = self._inner("comprehension", scope)
        for index, generator in enumerate(node.generators):
            self._later(inner, generator.target, [] if index == 0 else [generator.iter], generator.ifs)
        self._later(inner, [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
