"""One walk finds what a walk for each kind would."""

from __future__ import annotations

import inspect

import sqlglot
from sqlglot import exp

from usersync.project.sql.nodes import Nodes, with_subclasses

KINDS = [kind for _, kind in inspect.getmembers(exp, inspect.isclass) if issubclass(kind, exp.Expr)]
SQL = """
with recent as (select id, lower(trim(email)) as email, count(*) over (partition by id) as n from crm.people)
select r.id, case when r.n > 1 then null else upper(r.email) end as email, (select max(at) from orders) as at
from recent as r left join lateral (select * from notes where notes.id = r.id limit 1) as n on true
where r.email like '%@%' and r.id in (select id from unnest([1, 2])) order by 1
"""


def test_every_kind() -> None:
    tree = sqlglot.parse_one(SQL, read="duckdb")
    nodes = Nodes(tree)
    for kind in KINDS:
        assert nodes.of(kind) == list(tree.find_all(kind)), kind
        assert with_subclasses((kind,)) >= {each for each in KINDS if issubclass(each, kind)}, kind
        assert all(issubclass(each, kind) for each in with_subclasses((kind,))), kind


def test_several_kinds_come_in_the_order_of_the_walk() -> None:
    tree = sqlglot.parse_one(SQL, read="duckdb")
    found = Nodes(tree).of(exp.Select, exp.Column, exp.Func)
    assert [id(node) for node in found] == [id(n) for n in tree.find_all(exp.Select, exp.Column, exp.Func)]
    assert len(found) > len(list(tree.find_all(exp.Column)))
