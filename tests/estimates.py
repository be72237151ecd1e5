"""Run the command as a user does and read its JSON."""

import json
import subprocess
import sys
from typing import Any


def run_estimate(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`ghostswap estimate-dedup …`, run to its end."""
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def estimate(*arguments: object, status: int = 0) -> dict[str, Any]:
    """The document that `ghostswap estimate-dedup --json …` prints."""
    done = run_estimate("--json", *arguments)
    assert done.returncode == status, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def refusal(*arguments: object, status: int = 1) -> str:
    """The one line with which `ghostswap estimate-dedup …` refuses."""
    done = run_estimate(*arguments)
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def system(document: dict[str, Any], name: str, algorithm: str | None = "lz4") -> dict[str, Any]:
    """One system's figures out of the document."""
    (entry,) = (
        entry
        for entry in document["systems"]
        if entry["system"] == name and entry["algorithm"] == algorithm
    )
    assert isinstance(entry, dict)
    return entry
