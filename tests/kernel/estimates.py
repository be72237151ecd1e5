"""Run the command as a user does and read its JSON."""

import json
import subprocess
import sys
from typing import Any


def estimate(*arguments: object, status: int = 0) -> dict[str, Any]:
    """The document that `ghostswap estimate-dedup --json …` prints."""
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--json"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def system(document: dict[str, Any], name: str, algorithm: str | None = "lz4") -> dict[str, Any]:
    """One system's figures out of the document."""
    (entry,) = (
        entry
        for entry in document["systems"]
        if entry["system"] == name and entry["algorithm"] == algorithm
    )
    assert isinstance(entry, dict)
    return entry
