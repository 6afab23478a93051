import json
from pathlib import Path

from workbench.plan.catalogue import CATALOGUE
from workbench.plan.formats import FORMATS
from workbench.plan.schema import schema_text, write_schema

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas" / "plan.schema.json"


def test_the_published_schema_is_current(tmp_path: Path) -> None:
    write_schema(tmp_path / "plan.schema.json")
    assert (tmp_path / "plan.schema.json").read_text(encoding="utf-8") == PUBLISHED.read_text(encoding="utf-8")


def test_the_schema_knows_the_words() -> None:
    schema = json.loads(schema_text())
    assert schema["required"] == ["model"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["base"]["enum"] == list(FORMATS)
    assert schema["$defs"]["Defaults"]["properties"]["method"]["enum"] == list(CATALOGUE)
