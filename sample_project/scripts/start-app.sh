#!/bin/sh
# A small HTTP service over the database. Each POST is one durable transaction, and the answer says how long its
# COMMIT took, so that nobody has to guess how much of a request was HTTP.
#   start-app.sh DIRECTORY JOURNAL PORT [ADDRESS]
#   GET /ready         200 once the database answers
#   POST /insert       a new line in the ledger        -> {"commit_ms": 1.234, "journal": "wal"}
#   POST /update       a change to a random account    -> the same
set -eu
directory=${1:?the directory of the database}
journal=${2:?the journal mode}
port=${3:?the port to listen on}

exec python3 - "$directory/bench.db" "$journal" "$port" "${4:-127.0.0.1}" <<'PYTHON'
import json
import random
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

path, journal, port, address = sys.argv[1:]


def open_database() -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None, check_same_thread=False)
    database.execute(f"PRAGMA journal_mode={journal}")
    database.execute("PRAGMA synchronous=FULL")  # every commit waits until its data is on the disk
    return database


def commit_ms(statement: str, values: tuple) -> float:
    """Run one transaction; how long its COMMIT took, without the statement and without waiting for our turn."""
    with turn:
        database.execute("BEGIN IMMEDIATE")
        database.execute(statement, values)
        before = time.perf_counter()
        database.execute("COMMIT")
        return (time.perf_counter() - before) * 1000


def insert() -> float:
    return commit_ms("INSERT INTO ledger (account, note) VALUES (?, ?)", (some_account(), "n" * 100))


def update() -> float:
    return commit_ms("UPDATE account SET balance = balance + 1 WHERE id = ?", (some_account(),))


def some_account() -> int:
    return random.randint(1, 10_000)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits up to 40 ms for the client's delayed ACK
    wbufsize = -1

    def do_GET(self) -> None:
        if self.path != "/ready":
            return self.answer(404, {"error": "there is only /ready"})
        with turn:
            database.execute("SELECT count(*) FROM ledger").fetchone()
        self.answer(200, {"ready": True})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = {"/insert": insert, "/update": update}.get(self.path)
        if operation is None:
            return self.answer(404, {"error": "there are only /insert and /update"})
        self.answer(200, {"commit_ms": operation(), "journal": actual_journal})

    def answer(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Thousands of lines that say 200 help nobody, and writing them takes time."""


turn = threading.Lock()
database = open_database()
(actual_journal,) = database.execute("PRAGMA journal_mode").fetchone()
(synchronous,) = database.execute("PRAGMA synchronous").fetchone()
try:
    server = ThreadingHTTPServer((address, int(port)), Handler)
except OSError as error:
    sys.exit(f"can't listen on {address}:{port}: {error.strerror}; `--set port=...` chooses another port")
print(f"journal_mode={actual_journal} synchronous={synchronous}, http://{address}:{port}", flush=True)
server.serve_forever()
PYTHON
