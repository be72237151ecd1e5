"""The schemas of docs/schemas, and the documents that they are held against."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parent.parent / "docs" / "schemas"
_EXAMPLE = ".example.json"


def names() -> list[str]:
    """Those that are published, as a document names them: ghostswap.plan/2."""
    files = sorted(path for path in FOLDER.glob("*.json") if not path.name.endswith(_EXAMPLE))
    return [
        f"ghostswap.{stem[::-1].replace('-', '/', 1)[::-1]}" for stem in (f.stem for f in files)
    ]


def example_file(name: str) -> Path:
    """Where the example of a schema is."""
    return FOLDER / (_stem(name) + _EXAMPLE)


def schema(name: str) -> dict[str, Any]:
    """The schema as it is published."""
    return dict(json.loads((FOLDER / f"{_stem(name)}.json").read_text()))


def check(document: Any, name: str) -> None:
    """Fail unless `document` says that it follows the schema `name`, does, and has no key that the
    schema does not describe. A list is checked element by element."""
    for each in document if isinstance(document, list) else [document]:
        assert each["schema"] == name
        errors = [
            f"{error.json_path}: {error.message}" for error in _strict(name).iter_errors(each)
        ]
        assert not errors, "\n".join(errors[:5])


def _stem(name: str) -> str:
    return name.removeprefix("ghostswap.").replace("/", "-")


@cache
def _strict(name: str) -> Draft202012Validator:
    return Draft202012Validator(_closed(schema(name)))


def _closed(schema: Any) -> Any:
    """The schema with no other keys allowed than it describes, which a later version may add."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and "type" in closed:
        closed.setdefault("additionalProperties", False)
    return closed
