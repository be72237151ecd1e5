#!/bin/sh
# Does what is published work? Builds the sdist and the wheel, installs each in an empty environment,
# and runs the command from there.  PYTHON=python3.13 sh scripts/check-wheel.sh
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# An environment by itself; pip is that of $python, so that none need be in it.
environment() {
    "$python" -m venv --without-pip "$folder/$1"
    "$python" -m pip --python "$folder/$1/bin/python" install -q "$2"
}

environment tools 'hatchling>=1.24'
# Where there is no C compiler, a wheel of Python alone; before the others, which leave what they
# compile beside its source.
CC=false "$folder/tools/bin/python" -m hatchling build -t wheel -d "$folder/alone" >/dev/null 2>&1
"$folder/tools/bin/python" -m hatchling build -d "$folder/dist" >/dev/null 2>&1
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' ghostswap/__init__.py)

strangers=$("$python" -m zipfile -l "$folder"/dist/*.whl | awk 'NR > 1 { print $1 }' |
    grep -Ev "^ghostswap(-$version\.(dist-info|data/data/share))?/" || true)
[ -z "$strangers" ] || { echo "the wheel holds what it should not: $strangers" >&2; exit 1; }

for package in "$folder"/dist/*; do
    case $package in *.whl) name=wheel ;; *) name=sdist ;; esac
    environment "$name" "$package"
    command=$folder/$name/bin/ghostswap
    (
        cd "$folder" # not beside the source, which would be found first
        [ "$("$command" --version)" = "ghostswap $version" ]
        "$command" mkghost "$folder/$name.ghost" --size 1G --quiet >/dev/null
        [ "$(wc -c <"$folder/$name.ghost")" = "$(getconf PAGESIZE)" ]
        "$command" inspect "$folder/$name.ghost" >/dev/null
        head -c 65536 /dev/urandom | "$command" estimate-dedup --json - >/dev/null
    )
    [ -s "$folder/$name/share/man/man1/ghostswap.1" ]
    echo "$name of $version: installs and runs"
done

# lzo-rle without what the wheel holds compiled.
cat ghostswap/*/*.py | head -c 262144 >"$folder/pages"
sizes() { (cd "$folder" && wheel/bin/ghostswap estimate-dedup --algorithm lzo-rle --json pages); }
compiled=$(sizes)
"$python" -m pip --python "$folder/wheel/bin/python" install -q --no-deps --force-reinstall \
    "$folder"/alone/*-py3-none-any.whl
[ "$(sizes)" = "$compiled" ]
echo "without a C compiler: the same"
