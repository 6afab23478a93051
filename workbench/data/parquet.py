"""Reads Parquet files; pyarrow is imported when one is read."""

from pathlib import Path

from workbench.data.rows import Row
from workbench.errors import InvalidError


def read_parquet(path: Path) -> list[Row]:
    """All rows. Raises InvalidError when the file is not Parquet, or broken."""
    import pyarrow
    import pyarrow.parquet

    try:
        values = pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        message = str(error).splitlines()[0].rstrip(".")
        raise InvalidError(
            f"{path}: not a Parquet file that can be read ({message})", "write or fetch it anew"
        ) from error
    return [Row(number, row) for number, row in enumerate(values, start=1)]
