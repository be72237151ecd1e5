#!/bin/sh
# Limit an xswap device to what zswap's pool can hold of the pages in an estimate, so that it does
# not offer what it cannot keep. xswap is proposed (2026), in no released kernel.
#
# Usage: xswap-limit.sh TYPE REPORT              (XSWAP: where its files are, if not in sysfs)
set -eu
limit=${XSWAP:-/sys/kernel/mm/xswap}/type$1/limit
pages=$(ghostswap plan "$2" --demand capacity --quiet --print pages)
printf '%s\n' "$pages" >"$limit"
