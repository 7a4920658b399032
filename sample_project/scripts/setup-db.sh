#!/bin/sh
# Makes the database: 10,000 accounts to update and an empty ledger to insert into.
#   setup-db.sh DIRECTORY JOURNAL          (JOURNAL: delete, truncate, persist or wal)
set -eu
directory=${1:?the directory to make the database in}
journal=${2:?the journal mode: delete, truncate, persist or wal}

rm -f "$directory"/bench.db*
mkdir -p "$directory"

filesystem=$(stat -f -c %T "$directory")
echo "$directory is on $filesystem, $(df -Pk "$directory" | awk 'NR == 2 { print $1 }')"
if [ "$filesystem" = tmpfs ]; then
    echo "warning: $directory is in memory: a commit waits for no disk there, so its latency says little" >&2
fi

exec python3 - "$directory/bench.db" "$journal" <<'PYTHON'
import sqlite3
import sys

path, journal = sys.argv[1:]
if journal not in ("delete", "truncate", "persist", "wal"):
    sys.exit(f"no journal mode to measure: {journal!r}. There are delete, truncate, persist and wal.")

database = sqlite3.connect(path)
database.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, owner TEXT NOT NULL)")
database.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, account INTEGER NOT NULL, note TEXT NOT NULL)")
owners = ((number, 0, f"owner {number} ".ljust(100, ".")) for number in range(1, 10_001))
database.executemany("INSERT INTO account VALUES (?, ?, ?)", owners)
database.commit()
(actual,) = database.execute(f"PRAGMA journal_mode={journal}").fetchone()
database.close()
if actual != journal:
    sys.exit(f"SQLite {sqlite3.sqlite_version} kept the journal mode {actual!r} instead of {journal!r}")
print(f"SQLite {sqlite3.sqlite_version}, journal_mode={actual}, 10000 accounts")
PYTHON
