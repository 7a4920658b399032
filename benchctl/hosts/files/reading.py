"""Reading a host's files in spite of cut links: what has arrived is not sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from benchctl.errors import OutputError
from benchctl.hosts.files.listing import Entry, Listing, listing, matches
from benchctl.hosts.files.retrying import Pace, Retries
from benchctl.hosts.host import FileStat, Host

SMALL_BYTES = 4 << 20  # smaller files travel together; larger ones alone, each taken up again where it was cut
LISTINGS = 3
PIECE_BYTES = 1 << 21  # a whole window: paramiko moves what is left of it at every read


class Missing(OutputError):
    """The file is not there."""


class Arrival(Protocol):
    """Where one file's bytes arrive."""

    @property
    def size(self) -> int: ...

    def write(self, data: bytes, /) -> object: ...

    def restart(self) -> None:
        """Forget all of it."""

    def recover(self) -> None:
        """After a lost link: make sure of what has arrived; `size` may be smaller then."""

    def finish(self) -> None:
        """Return when all of it has arrived."""


class Folder(Protocol):
    """Where a folder's files arrive; `done` holds those that are whole."""

    @property
    def done(self) -> dict[str, tuple[int, str]]: ...

    def put(self, name: str, content: bytes, /) -> None: ...

    def file(self, name: str, /) -> AbstractContextManager[Arrival]: ...

    def recover(self) -> None: ...

    def flush(self) -> None: ...


class Reading:
    """Reads files of one host; a link that is lost meanwhile is opened again and the rest asked for."""

    def __init__(self, host: Host, retries: Retries) -> None:
        self._host = host
        self._retries = retries
        self._pace = Pace(host.can_pack)

    def stat(self, path: str) -> FileStat:
        """Raises Missing, OutputError, HostError."""
        return self._retries.run(lambda: stat_of(self._host, path))

    def list_folder(self, path: str) -> Listing:
        """Raises Missing, OutputError, HostError."""
        where = f"{path} on {self._host.place}"
        return self._retries.run(
            lambda: listing(self._listed(lambda: self._host.walk(path), path), where, takes_folders=True)
        )

    def list_pattern(self, folder: str, pattern: str) -> Listing:
        """The files that a pattern matches, by their path from the folder. Raises OutputError, HostError."""
        return self._retries.run(lambda: self._matching(folder, pattern))

    def file(self, path: str, arrival: Arrival) -> FileStat:
        """Have a file's bytes arrive, all of one version; returns what was there then.

        A file that has changed when a cut transfer goes on is read anew. Raises Missing, OutputError, HostError.
        """
        seen: list[FileStat] = []

        def attempt() -> FileStat:
            if self._retries.count:
                arrival.recover()
            found = stat_of(self._host, path)
            if seen and (found.bytes, found.modified_s) != (seen[-1].bytes, seen[-1].modified_s):
                arrival.restart()
            seen.append(found)
            self._pull(path, arrival, found)
            arrival.finish()
            self._check_whole(path, arrival.size, found)
            return found

        return self._retries.run(attempt)

    def files(self, folder: str, entries: Sequence[Entry], arriving: Folder) -> None:
        """Have many files of a folder arrive, the small ones together. Raises Missing, OutputError, HostError."""
        small = [entry for entry in entries if entry.bytes < SMALL_BYTES]
        self._retries.run(lambda: self._small(folder, small, arriving))
        for entry in entries:
            if entry.name not in arriving.done:
                with arriving.file(entry.name) as arrival:
                    self.file(f"{folder}/{entry.name}", arrival)

    # One file

    def _pull(self, path: str, arrival: Arrival, found: FileStat) -> None:
        """Read it from where its arrival is to its end; packed, once that turns out to be worth it."""
        is_whole = False
        while not is_whole:
            try:
                is_whole = self._pull_on(path, arrival, found)
            except PermissionError:
                raise OutputError(f"{path} on {self._host.place} may not be read: permission denied") from None
            except FileNotFoundError:
                raise Missing(f"{path} on {self._host.place} went away while it was read") from None
            except OSError as error:
                raise OutputError(f"{path} on {self._host.place}: {error.strerror or error}") from error

    def _pull_on(self, path: str, arrival: Arrival, found: FileStat) -> bool:
        """Whether the end was reached; else the rest is to be asked for packed.

        The end is where it was when the reading began: a file that grows as fast as it is read has no other. One
        without a size, as in /proc, is read as far as it goes.
        """
        with self._host.open_file(path, "rb", offset=arrival.size, packed=self._pace.packs) as source:
            while data := source.read(PIECE_BYTES):
                data = data[: found.bytes - arrival.size] if found.bytes else data
                arrival.write(data)
                self._retries.grew(len(data))
                if found.bytes and arrival.size >= found.bytes:
                    return True
                if self._pace.should_pack(data, found.bytes - arrival.size):
                    return False
        return True

    def _check_whole(self, path: str, size: int, before: FileStat) -> None:
        """A file that had more bytes and did not change has lost some on the way."""
        if size < before.bytes and stat_of(self._host, path) == before:
            raise OutputError(f"{path} on {self._host.place} has {before.bytes:,} bytes, only {size:,} arrived")

    # Many files

    def _small(self, folder: str, entries: Sequence[Entry], arriving: Folder) -> None:
        """Those that could not be read this way are simply not done afterwards."""
        if self._retries.count:
            arriving.recover()
        while not self._small_on(folder, [entry for entry in entries if entry.name not in arriving.done], arriving):
            pass
        arriving.flush()

    def _small_on(self, folder: str, entries: Sequence[Entry], arriving: Folder) -> bool:
        """Whether the end was reached; else the rest is to be asked for packed."""
        left = sum(entry.bytes for entry in entries)
        names = [entry.name for entry in entries]
        for name, content in self._host.read_small(folder, names, packed=self._pace.packs):
            arriving.put(name, content)
            self._retries.grew(len(content))
            left -= len(content)
            if content and self._pace.should_pack(content, left):
                return False
        return True

    # Listing

    def _matching(self, folder: str, pattern: str) -> Listing:
        where = f"{folder}/{pattern} on {self._host.place}"
        entries = self._listed(lambda: self._host.expand(folder, pattern), folder)
        for entry in entries:
            if not matches(entry.name, pattern):
                raise OutputError(f"{self._host.place} names {entry.name!r} where {pattern!r} was asked for")
        return listing(self._without_links(folder, entries), where, takes_folders=False)

    def _without_links(self, folder: str, entries: Sequence[Entry]) -> list[Entry]:
        """A folder on the way that is a link takes the place of the files behind it."""
        parents = {entry.name[:at] for entry in entries for at, c in enumerate(entry.name) if c == "/"}
        links = {name for name in parents if self._host.is_link(f"{folder}/{name}")}
        behind = [entry for entry in entries if any(entry.name.startswith(f"{link}/") for link in links)]
        return [entry for entry in entries if entry not in behind] + [
            Entry(link, "link", 0, 0.0) for link in sorted(links)
        ]

    def _listed(self, look: Callable[[], list[Entry]], path: str) -> list[Entry]:
        """What is listed, though something of it may go away meanwhile."""
        place = self._host.place
        for _ in range(LISTINGS):
            try:
                return look()
            except FileNotFoundError as error:
                gone = error
            except PermissionError as error:
                name = error.filename or path
                raise OutputError(f"{path} on {place} can't be listed: {name}: permission denied") from None
            except OSError as error:
                raise OutputError(f"{path} on {place} can't be listed: {error.strerror or error}") from error
        raise OutputError(f"{path} on {place} changes while it is listed: {gone.filename or path} went away")


def stat_of(host: Host, path: str) -> FileStat:
    """A file or a folder; anything else is refused. Raises Missing, OutputError, HostError."""
    try:
        found = host.stat(path)
    except FileNotFoundError:
        raise Missing(f"there is no {path} on {host.place}") from None
    except PermissionError:
        raise OutputError(f"{path} on {host.place} may not be looked at: permission denied") from None
    except OSError as error:
        raise OutputError(f"{path} on {host.place} can't be looked at: {error.strerror or error}") from error
    if found.kind == "special":
        raise OutputError(f"{path} on {host.place} is a device, pipe or socket, not a file")
    return found
