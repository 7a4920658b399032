#!/bin/sh
# Compresses a file again and again and writes down how long each pass took.
#   measure.sh INPUT PASSES CSV             (LEVEL: gzip's level, 1 to 9)
set -eu
input=${1:?the file to compress}
passes=${2:?how many times}
csv=${3:?the file to write}

echo "timestamp,pass,duration_ms,bytes" >"$csv"
pass=1
while [ "$pass" -le "$passes" ]; do
    before=$(date +%s%N)
    bytes=$(gzip -c "-${LEVEL:-6}" "$input" | wc -c)
    after=$(date +%s%N)
    microseconds=$(((after - before) / 1000))
    printf '%s,%s,%d.%03d,%s\n' "$((before / 1000000))" "$pass" \
        "$((microseconds / 1000))" "$((microseconds % 1000))" "$((bytes))" >>"$csv"
    pass=$((pass + 1))
done
echo "$passes passes at level ${LEVEL:-6}, written to $csv"
