#!/bin/sh
# Asks the service for one commit after the other and writes down how long each took.
#   load-gen.sh URL CSV COMMITS SECONDS     (stops at whichever limit comes first)
# The CSV: timestamp (epoch ms, when the request was sent), op (insert or update), latency_ms (the COMMIT alone, as the
# service measured it), request_ms (the whole request, as seen here), journal (the mode SQLite really used).
set -eu
url=${1:?the address of the service, such as http://127.0.0.1:8080}
csv=${2:?the file to write}
commits=${3:?how many commits at most}
seconds=${4:?how many seconds at most}

mkdir -p "$(dirname "$csv")"
exec python3 - "$url" "$csv" "$commits" "$seconds" <<'PYTHON'
import csv
import http.client
import json
import statistics
import sys
import time
from urllib.parse import urlsplit

url, path, commits, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
WARM_UP = 20  # requests not written down: the connection opens, caches fill

connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)


def request(operation: str) -> tuple:
    sent_ms, before = time.time_ns() // 1_000_000, time.perf_counter()
    connection.request("POST", f"/{operation}", body=b"")
    response = connection.getresponse()
    content = json.loads(response.read())
    request_ms = (time.perf_counter() - before) * 1000
    if response.status != 200:
        sys.exit(f"{url}/{operation} answered {response.status}: {content}")
    return sent_ms, operation, round(content["commit_ms"], 4), round(request_ms, 4), content["journal"]


def measure() -> list[tuple]:
    for _ in range(WARM_UP):
        request("insert")
    rows, end = [], time.monotonic() + seconds
    while len(rows) < commits and time.monotonic() < end:
        rows.append(request("update" if len(rows) % 2 else "insert"))
    return rows


rows = measure()
if len(rows) < 2:
    sys.exit(f"only {len(rows)} commits in {seconds:g} s: too few to say anything")
with open(path, "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["timestamp", "op", "latency_ms", "request_ms", "journal"])
    writer.writerows(rows)

latencies = [row[2] for row in rows]
overheads = [row[3] - row[2] for row in rows]
print(f"{len(rows)} commits, journal={rows[0][4]}")
print(f"commit   median {statistics.median(latencies):.3f} ms, p99 {statistics.quantiles(latencies, n=100)[98]:.3f} ms")
print(f"the rest median {statistics.median(overheads):.3f} ms a request (HTTP, the statement, Python)")
PYTHON
