#!/bin/sh
# Which compressor for these pages? More memory held costs time: this shows how much of both.
#
# Usage: compare-algorithms.sh SOURCE…           (ALGORITHMS="lz4 zstd:1" chooses others)
# Prints: algorithm, bytes that zswap can hold here, ns to compress and to decompress a page.
set -eu
report=$(mktemp)
trap 'rm -f "$report"' EXIT

options=
for algorithm in ${ALGORITHMS:-lz4 lz4hc zstd}; do
    options="$options --algorithm $algorithm"
done
# shellcheck disable=SC2086 # each word of $options is an argument
ghostswap estimate-dedup --json --quiet $options "$@" >"$report"

for algorithm in $(jq -r '.algorithms | keys_unsorted[]' "$report"); do
    ghostswap plan "$report" --quiet --json --algorithm "$algorithm" |
        jq -r --arg name "$algorithm" --slurpfile estimate "$report" '
          $estimate[0].algorithms[$name] as $cost
          | [$name, .plans[0].capacity.expected.memory_bytes,
             $cost.compress_ns_per_page, $cost.decompress_ns_per_page]
          | @tsv'
done
