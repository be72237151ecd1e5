#!/bin/sh
# The size in MiB that zram should have on this machine: what half its RAM, the share that plan takes
# for zram, can hold compressed.
#
# Usage: zram-size.sh [REPORT]
# Without an estimate (estimate-dedup --json), as on a first boot, a ratio of 2 is taken.
set -eu
report=${1:-/etc/ghostswap/estimate.json}

if [ -r "$report" ]; then
    set -- "$report"
else
    set -- --ratio 2
fi
exec ghostswap plan "$@" --system zram --demand capacity --quiet --print mib
