#!/bin/sh
# Makes .venv beside this file with ghostswap in it. With a word after it, also runs that:
#   sh setup.sh          install, with what --save and --plot take
#   sh setup.sh test     install what the tests need, and run them
#   sh setup.sh lint     install ruff and mypy too, and run them
# Needs Python 3.11 or newer; works as root and as an ordinary user.
set -eu
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*" >&2; }

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    say 'Python 3.11 or newer is needed (Debian: apt install python3)'
    return 1
}

# Debian packages pip and venv apart from Python. Without them and without root, pip's own wheel out
# of Debian's package does: apt can download it for anybody, into package lists of its own.
borrow_pip() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    for try in kept fetched; do
        [ "$try" = kept ] || set -- -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache"
        [ "$try" = kept ] || apt-get "$@" -qq update || true
        (cd "$folder" && apt-get "$@" -qq download python3-pip-whl 2>/dev/null) && break
    done
    dpkg-deb -x "$folder"/python3-pip-whl_*.deb "$folder"
    "$python" -m venv --without-pip .venv
    for wheel in "$folder"/usr/share/python-wheels/pip-*.whl; do
        .venv/bin/python "$wheel/pip" -q install pip
    done
}

make_venv() {
    rm -rf .venv
    "$python" -m venv .venv >/dev/null 2>&1 && return
    rm -rf .venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say 'installing python3-venv'
        { apt-get -qq update && apt-get -qq install -y python3-venv; } >/dev/null 2>&1 || true
        "$python" -m venv .venv >/dev/null 2>&1 && return
        rm -rf .venv
    fi
    say "this Python cannot make virtual environments; borrowing pip from Debian's package"
    borrow_pip || { say 'that failed too: install python3-venv, then try again'; exit 1; }
}

python=$(find_python)
.venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
pip() { .venv/bin/python -m pip install -q "$@"; }
# Where Python may not keep what it compiles (PYTHONDONTWRITEBYTECODE), each start would compile anew.
compile() { .venv/bin/python -m compileall -q ghostswap; }
case "${1-}" in
'')
    pip -e '.[census,plot]' || {
        say 'without pyarrow and matplotlib: --save, saved censuses and --plot will not work'
        pip -e .
    }
    say "for many hosts (ghostswap fleet) also: $PWD/.venv/bin/python -m pip install 'ghostswap[fleet]'"
    compile
    ;;
test)
    pip -e '.[test]'
    .venv/bin/python -m pytest
    ;;
lint)
    pip -e '.[test,lint]'
    .venv/bin/ruff check
    .venv/bin/ruff format --check
    .venv/bin/mypy
    ;;
*)
    say "unknown word: $1 (test, lint)"
    exit 2
    ;;
esac
