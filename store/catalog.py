"""What a query can name: tables, views, their columns, functions."""

from dataclasses import dataclass

from store.sandbox import SECONDS, locked_down
from workbench.run.layout import Home

_COLUMNS = """
select table_name, list(column_name order by column_index) from duckdb_columns()
where not internal and table_name <> 'store_format' group by table_name order by table_name
"""
_FUNCTIONS = """
select distinct function_name from duckdb_functions()
where function_type in ('scalar', 'aggregate', 'macro', 'table', 'table_macro')
  and regexp_matches(function_name, '^[a-z]\\w+$')
order by not (database_name is not null and database_name not in ('system', 'temp')), function_name
"""
_KEYWORDS = "select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved' order by keyword_name"
_FINISHED = "select count(distinct run_id) from finished_attempts"
_STUDIES = "select study from studies order by study"
_METRICS = "select distinct metric from final_values order by metric"
_ARMS = "select distinct arm from arm_runs order by arm"


@dataclass(frozen=True, slots=True)
class Catalog:
    """`tables` has the columns of every table and view; `finished` counts runs; the rest are names."""

    tables: dict[str, tuple[str, ...]]
    functions: tuple[str, ...]
    keywords: tuple[str, ...]
    finished: int
    studies: tuple[str, ...]
    metrics: tuple[str, ...]
    arms: tuple[str, ...]


def catalog(home: Home) -> Catalog:
    """Reads the names of the results as they were last ingested. Raises as `reading`."""
    with locked_down(home, SECONDS) as connection:

        def names(query: str) -> tuple[str, ...]:
            return tuple(str(name) for name, *_ in connection.execute(query).fetchall() if name is not None)

        return Catalog(
            tables={name: tuple(columns) for name, columns in connection.execute(_COLUMNS).fetchall()},
            functions=tuple(dict.fromkeys(names(_FUNCTIONS))),
            keywords=names(_KEYWORDS),
            finished=int(names(_FINISHED)[0]),
            studies=names(_STUDIES),
            metrics=names(_METRICS),
            arms=names(_ARMS),
        )
