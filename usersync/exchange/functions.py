"""The functions of mapping expressions, each as SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from usersync.compile.source_types import Family
from usersync.exchange import json_functions
from usersync.exchange.columns import bare
from usersync.exchange.compiler import MANY, Compiler, Function
from usersync.exchange.constants import converted, plain
from usersync.exchange.grammar import Call, Node
from usersync.exchange.names import name
from usersync.exchange.problems import ExpressionError
from usersync.exchange.terms import (
    NULL,
    Term,
    as_text,
    become,
    call,
    constant_term,
    conversion,
    fits,
    keeps_null,
    typed,
)
from usersync.exchange.types import BOOLEAN, INT32, STRING, WireType, convertible

# --- Truth ---


def _and_or(compiler: Compiler, node: Call, _: WireType | None) -> Term:
    """Left to right, and no further once it is decided: what follows may fail, and must not be seen then."""
    terms = [compiler.argument(arg, BOOLEAN, f"{node.name}()") for arg in node.args]
    result = terms[-1]
    for term in reversed(terms[:-1]):
        if "stage." not in result.sql:
            result = typed(f"{term.operand} {node.name} {result.operand}", BOOLEAN, atom=False)
            continue
        decided = f"not {term.operand}" if node.name == "and" else term.operand
        value = "false" if node.name == "and" else "true"
        rest = f"{term.operand} {node.name} {result.operand}"
        result = typed(f"case when {decided} then {value} else {rest} end", BOOLEAN)
    return result


def _not(compiler: Compiler, node: Call, _: WireType | None) -> Term:
    term = compiler.argument(node.args[0], BOOLEAN, "not()")
    return typed(f"not {term.operand}", BOOLEAN, checked=False, atom=False)


def _eq(compiler: Compiler, node: Call, _: WireType | None) -> Term:
    """Equal once the first is converted to the type of the second; what does not convert is not equal."""
    left, right = (compiler.sure(arg, compiler.compile(arg, None)) for arg in node.args)
    if left.type is None or right.type is None:
        return typed("null::boolean", BOOLEAN)
    for one, other in ((left, right.type), (right, left.type)):
        if one.type and not convertible(one.type, other):
            raise ExpressionError("type", f"{one.type.kind} and {other.kind} cannot be compared", node.offset)
    operator = "=" if node.name == "eq" else "<>"
    if _comparable(left, right):
        return typed(f"{left.operand} {operator} {right.operand}", BOOLEAN, atom=False)
    return _converted_eq(left, right, operator)


_NUMERIC = frozenset({Family.INTEGER, Family.FLOAT, Family.DECIMAL})


def _comparable(left: Term, right: Term) -> bool:
    """Whether DuckDB compares both as they are just as their conversion would."""
    families = {left.source.family, right.source.family}
    same = left.source.name == right.source.name and left.type and right.type and left.type.kind == right.type.kind
    return bool(same) or families <= _NUMERIC


def _converted_eq(left: Term, right: Term, operator: str) -> Term:
    target = _comparison_type(right)
    unequal = "false" if operator == "=" else "true"
    if left.constant is not None:
        sql = converted(left.constant, bare(target))
        if sql is None:
            return typed(f"case when {right.operand} is not null then {unequal} end", BOOLEAN)
        return typed(f"{sql} {operator} {right.operand}", BOOLEAN, atom=False)
    given = _lenient(left, target)
    compared = f"{given} {operator} {right.operand}"
    if keeps_null(left, target) and target.kind == "string":
        return typed(compared, BOOLEAN, atom=False)
    present = [f"{term.operand} is not null" for term in (left, right) if not term.is_constant]
    return typed(f"case when {' and '.join(present)} then coalesce({compared}, {unequal}) end", BOOLEAN)


def _comparison_type(term: Term) -> WireType:
    """What the other side is converted to; for a number a decimal that has room on both sides of the point."""
    if isinstance(term.constant, Decimal):
        fraction = len(plain(term.constant).partition(".")[2])
        return WireType("decimal", precision=38, scale=min(max(10, fraction), 37))
    return term.type or STRING


def _lenient(term: Term, target: WireType) -> str:
    """A term as a type, null where it does not become it."""
    found = conversion(term, target)
    return found.value if found else "null"


# --- Choice ---


def _if(compiler: Compiler, node: Call, target: WireType | None) -> Term:
    condition = compiler.argument(node.args[0], BOOLEAN, "the condition of if()")
    pairs, shown = _unified(compiler, node.args[1:], target)
    branches = [now for _, now in pairs]
    if shown.null:
        return NULL
    otherwise = "" if len(branches) == 1 or branches[1].null else f" else {branches[1].sql}"
    return _chosen(shown, f"case when {condition.sql} then {branches[0].sql}{otherwise} end")


def _coalesce(compiler: Compiler, node: Call, target: WireType | None) -> Term:
    pairs, shown = _unified(compiler, node.args, target)
    pairs = [(was, now) for was, now in pairs if not was.null]
    # Nothing behind a constant is ever reached.
    reached = next((index + 1 for index, (was, _) in enumerate(pairs) if was.is_constant), len(pairs))
    pairs = pairs[:reached]
    if len(pairs) <= 1:
        return replace(pairs[0][1], checked=False) if pairs else NULL
    if all(was.sql == now.sql or (now.type and keeps_null(was, now.type)) for was, now in pairs):
        return _chosen(shown, call("coalesce", *(now.sql for _, now in pairs)))
    # What is empty or JSON null is not passed over, though it is null once converted.
    cases = [
        f"else {now.sql}" if was.is_constant else f"when {was.operand} is not null then {now.sql}" for was, now in pairs
    ]
    return _chosen(shown, f"case {' '.join(cases)} end")


def _chosen(like: Term, sql: str) -> Term:
    """One of several values of a type."""
    return replace(like, sql=sql, constant=None, checked=False, path=False, atom=True)


def _unified(compiler: Compiler, args: Sequence[Node], target: WireType | None) -> tuple[list[tuple[Term, Term]], Term]:
    """Arguments that may stand for one another, as they are and in one type; and one of the latter that is not null."""
    terms = [compiler.sure(arg, compiler.compile(arg, target)) for arg in args]
    if target is not None:
        for arg, term in zip(args, terms, strict=True):
            fits(term, target, arg.offset)
    alike = _alike(terms)
    pairs = [(term, term if alike or term.null else become(term, target or STRING)) for term in terms]
    shown = [now for was, now in pairs if not was.is_constant] or [now for was, now in pairs if not was.null]
    return pairs, shown[0] if shown else NULL


def _alike(terms: Sequence[Term]) -> bool:
    """Whether all have one type, constants among them in a form that DuckDB takes for that type."""
    columns = {term.source.name for term in terms if not term.is_constant}
    constants = [term for term in terms if term.constant is not None]
    if len(columns) > 1:
        return False
    if not columns:
        return len({type(term.constant) for term in constants}) <= 1
    family = next(term.source.family for term in terms if not term.is_constant)
    allowed = {
        Family.TEXT: (Family.TEXT,),
        Family.INTEGER: (Family.INTEGER,),
        Family.DECIMAL: (Family.INTEGER, Family.DECIMAL),
        Family.FLOAT: (Family.INTEGER, Family.DECIMAL, Family.FLOAT),
        Family.BOOLEAN: (Family.BOOLEAN,),
    }.get(family, ())
    return all(term.source.family in allowed for term in constants)


# --- Text ---


def _text_function(function: str, *, checked: bool) -> Callable[[Compiler, Call, WireType | None], Term]:
    def compiled(compiler: Compiler, node: Call, _: WireType | None) -> Term:
        term = compiler.argument(node.args[0], STRING, f"{node.name}()")
        return typed(call(function, term.sql), STRING, checked=checked)

    return compiled


def _substring(compiler: Compiler, node: Call, _: WireType | None) -> Term:
    text = compiler.argument(node.args[0], STRING, "substring()")
    start = _position(compiler, node.args[1])
    if not isinstance(start.constant, Decimal):
        start = typed(f"if({start.sql} < 1, 1, {start.sql})", INT32)
    elif start.constant < 1:
        start = constant_term(Decimal(1))
    args = [text.sql, start.sql]
    if len(node.args) == 3:
        length = _position(compiler, node.args[2])
        if isinstance(length.constant, Decimal) and length.constant < 0:
            return typed(f"stage.must(null::varchar, {_all_given(text, start)})", STRING, checked=False)
        if not isinstance(length.constant, Decimal):
            # A negative length fails the row.
            length = typed(f"stage.must(if({length.sql} < 0, null, {length.sql}), {length.sql} is not null)", INT32)
        args.append(length.sql)
    return typed(call("substring", *args), STRING, checked=False)


def _all_given(*terms: Term) -> str:
    return " and ".join(f"{term.operand} is not null" for term in terms if term.constant is None) or "true"


def _position(compiler: Compiler, node: Node) -> Term:
    """A whole number; a fraction is rounded."""
    term = compiler.compile(node, INT32)
    if isinstance(term.constant, Decimal):
        term = constant_term(term.constant.quantize(Decimal(1), ROUND_HALF_UP))
    fits(term, INT32, node.offset, " for substring()")
    if term.constant is not None:
        return constant_term(Decimal(converted(term.constant, INT32) or "0"))
    if term.source.family is Family.DECIMAL:
        return compiler.sure(node, typed(f"round({term.sql})::integer", INT32))
    return compiler.sure(node, become(term, INT32))


def _len(compiler: Compiler, node: Call, _: WireType | None) -> Term:
    term = compiler.compile(node.args[0], None)
    if term.is_constant:
        return typed(str(len(plain(term.constant)) if term.constant is not None else 0), INT32)
    match term.source.family:
        case Family.JSON:
            return typed(call("stage.json_length", term.sql), INT32)
        case Family.STRUCT:
            fields = [f"if({term.operand}.{name(field)} is null, 0, 1)" for field, _ in term.source.fields]
            return typed(" + ".join(fields), INT32, atom=False)
        case Family.TIMESTAMP:
            return typed(f"if({term.operand} is null, 0, 20)", INT32)
        case Family.ARRAY:
            return typed(f"coalesce(len({term.sql}), 0)", INT32)
        case Family.MAP:
            return typed(f"coalesce(cardinality({term.sql})::bigint, 0)", INT32)
    return typed(f"coalesce(length({as_text(term).sql}), 0)", INT32)


FUNCTIONS: dict[str, Function] = {
    "and": Function(2, MANY, _and_or),
    "or": Function(2, MANY, _and_or),
    "not": Function(1, 1, _not),
    "eq": Function(2, 2, _eq),
    "ne": Function(2, 2, _eq),
    "if": Function(2, 3, _if),
    "coalesce": Function(1, MANY, _coalesce),
    "lower": Function(1, 1, _text_function("lower", checked=False)),
    "upper": Function(1, 1, _text_function("stage.upper", checked=False)),
    "initcap": Function(1, 1, _text_function("stage.initcap", checked=False)),
    "trim": Function(1, 1, _text_function("stage.trim", checked=True)),
    "ltrim": Function(1, 1, _text_function("stage.ltrim", checked=True)),
    "rtrim": Function(1, 1, _text_function("stage.rtrim", checked=True)),
    "len": Function(1, 1, _len),
    "substring": Function(2, 3, _substring),
    "json_parse": Function(1, 1, json_functions.json_parse),
    "array": Function(0, MANY, json_functions.array),
    "map": Function(0, MANY, json_functions.map_),
}
