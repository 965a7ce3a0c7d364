import pytest

from bedplate.errors import InvalidInput
from bedplate.tools.sql_check import check_query, read_statement
from bedplate.tools.sql_postgres import spelled

BOTH = pytest.mark.parametrize("dialect", ["sqlite", "postgres"])


@BOTH
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "SELECT a.x, count(*) FROM a JOIN b ON a.id = b.id GROUP BY a.x HAVING count(*) > 1",
        "WITH t AS (SELECT 1 AS n) SELECT * FROM t UNION ALL SELECT n + 1 FROM t",
        "SELECT lower(name), round(price, 2), coalesce(x, 0) FROM a WHERE name LIKE 'x%' LIMIT 3",
        "SELECT 'DELETE FROM a; DROP TABLE b' AS text -- DROP TABLE b",
    ],
)
def test_a_query_that_only_reads_passes_as_it_was_written(sql: str, dialect: str) -> None:
    assert check_query(sql, dialect) == sql.rstrip(";")


@BOTH
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM a", "this is DELETE"),
        ("UPDATE a SET x = 1", "this is UPDATE"),
        ("INSERT INTO a VALUES (1)", "this is INSERT"),
        ("DROP TABLE a", "this is DROP"),
        ("CREATE TABLE a AS SELECT 1", "this is CREATE"),
        ("SELECT 1; DROP TABLE a", "these are 2"),
        ("SELECT 1; SELECT 2", "these are 2"),
        ("", "these are 0"),
        ("WITH t AS (DELETE FROM a RETURNING *) SELECT * FROM t", "holds DELETE"),
        ("SELECT * INTO b FROM a", "holds INTO"),
        ("SELECT * FROM a FOR UPDATE", "holds LOCK"),
        ("COPY a TO '/tmp/x'", "this is COPY"),
        ("VACUUM", "Only a query"),
        ("SELECT * FROM sqlite_master", "the database's own"),
        ("SELECT * FROM pg_catalog.pg_shadow", "the database's own"),
        ("SELECT * FROM pg_shadow", "the database's own"),
        ("SELECT * FROM information_schema.tables", "the database's own"),
        ("SELECT load_extension('x')", "load_extension may not be called"),
        ("SELECT pg_read_file('/etc/passwd')", "pg_read_file may not be called"),
        ("SELECT * FROM dblink('x', 'DROP TABLE a')", "dblink may not be called"),
        ("SELECT * FROM a WHERE x = :x", "in place of the parameter"),
        ("SELECT FROM WHERE", "cannot be read"),
        ("SELECT " + "(" * 5_000 + "1", "cannot be read"),
        ("SELECT 1 -- " + "x" * 20_000, "over 20,000"),
    ],
)
def test_anything_else_is_refused_with_why(sql: str, said: str, dialect: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_query(sql, dialect)


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("PRAGMA table_info(a)", "sqlite"),
        ("ATTACH 'x.db' AS x", "sqlite"),
        ("SELECT set_config('transaction_read_only', 'off', false)", "postgres"),
        ("SELECT pg_sleep(100)", "postgres"),
        ("SELECT lo_import('/etc/passwd')", "postgres"),
        ("SELECT query_to_xml('delete from a', true, true, '')", "postgres"),
        ("EXPLAIN ANALYZE DELETE FROM a", "postgres"),
        ("SET ROLE postgres", "postgres"),
        ("DO $$ BEGIN DELETE FROM a; END $$", "postgres"),
    ],
)
def test_what_one_database_alone_knows_is_refused_too(sql: str, dialect: str) -> None:
    with pytest.raises(InvalidInput):
        check_query(sql, dialect)


def test_only_the_tables_that_are_named_may_be_read() -> None:
    tables = ("orders", "shop.lines")
    check_query("SELECT * FROM Orders o JOIN shop.lines l ON true", "postgres", tables=tables)
    check_query("WITH o AS (SELECT * FROM orders) SELECT * FROM o", "postgres", tables=tables)
    for sql in ("SELECT * FROM users", "SELECT (SELECT max(x) FROM other.orders) FROM orders"):
        with pytest.raises(InvalidInput, match="There are: orders, shop.lines"):
            check_query(sql, "postgres", tables=tables)


def test_further_functions_are_called_where_the_set_up_names_them() -> None:
    assert check_query("SELECT distance(a) FROM t", "sqlite", functions=("Distance",))


@BOTH
def test_a_statement_of_the_set_up_says_what_it_needs(dialect: str) -> None:
    written = read_statement("UPDATE a SET x = :x WHERE id = :id;", dialect)
    assert (written.reads, written.parameters) == (False, {"x", "id"})
    assert read_statement("SELECT * FROM a WHERE id = :id", dialect).reads
    with pytest.raises(InvalidInput, match="it is DROP"):
        read_statement("DROP TABLE a", dialect)


def test_names_of_parameters_are_spelled_as_the_driver_wants_them() -> None:
    sql = "SELECT ':no' AS a, x::text, y FROM t WHERE y = :name AND z LIKE '5%' -- :no"
    assert spelled(sql) == (
        "SELECT ':no' AS a, x::text, y FROM t WHERE y = %(name)s AND z LIKE '5%%' -- :no"
    )
