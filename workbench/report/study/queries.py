"""The queries that stand under tables, as `workbench sql` takes them."""

from collections.abc import Sequence

from workbench.report.study.source import Source
from workbench.study.contrast_sql import contrast_sql, titled
from workbench.study.contrasts import Contrast


def contrast_queries(source: Source, contrasts: Sequence[Contrast]) -> str:
    """A query per contrast, over the arms as they ran."""
    results = source.results
    return "\n\n".join(
        titled(
            contrast.name,
            contrast_sql(results.study, results.baseline, results.metric, source.analysis.as_ran(contrast)) + ";",
        )
        for contrast in contrasts
    )
