#!/bin/sh
# Do the lower bounds in pyproject.toml hold? Installs exactly those versions in an empty environment,
# and runs what of the tests depends on them.  PYTHON=python3.11 sh scripts/check-oldest.sh
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
if ! "$python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then
    echo 'the oldest packages allowed are older than this Python: not checked'
    exit
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" - >"$folder/oldest.txt" <<'EOF'
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
names = ("census", "fleet", "plot", "test")
for each in [*project["dependencies"], *(each for name in names for each in extras[name])]:
    if ">=" in each:
        print(each.replace(">=", "=="))
EOF
"$python" -m venv --without-pip "$folder/oldest"
"$python" -m pip --python "$folder/oldest/bin/python" install -q -r "$folder/oldest.txt"
# Its tests also run the program from other folders.
PYTHONPATH=$PWD "$folder/oldest/bin/python" -m pytest tests/unit tests/property tests/cli/test_startup.py \
    tests/cli/test_estimate.py tests/cli/test_census_file.py tests/cli/test_plot.py \
    tests/cli/test_fleet.py tests/fleet/test_survey.py
echo "with the oldest packages allowed: $(tr '\n' ' ' <"$folder/oldest.txt")"
