#!/bin/sh
# Keep an estimate a day, and say in one line what the size of the swap area should be.
#
# Usage: nightly-estimate.sh FOLDER SOURCE…      (for cron; a SOURCE as estimate-dedup takes it)
# Prints: date, pages, ratio in zswap, recommended bytes; separated by tabs.
set -eu
folder=$1
shift
day=$(date +%F)
report=$folder/$day.json

trap 'rm -f "$report.new"' EXIT
ghostswap estimate-dedup --json --quiet "$@" >"$report.new"
mv "$report.new" "$report" # yesterday's report stays whole if tonight's fails

size=$(ghostswap plan "$report" --quiet --print bytes)
jq -r --arg day "$day" --arg size "$size" '
  .pages.total as $total | .page_size as $page
  | first(.systems[] | select(.system == "zswap"))
  | [$day, $total, (($total * $page / .pool_bytes * 100 | round) / 100), $size]
  | @tsv' "$report"
