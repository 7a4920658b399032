"""Copies from a host to another, streamed through here and never stored here."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchctl.errors import BenchctlError, HostError, OutputError
from benchctl.hosts.files.collecting import UNWATCHED, Watch, digest_of_files
from benchctl.hosts.files.listing import Listing, in_a_few_words
from benchctl.hosts.files.reading import Reading
from benchctl.hosts.files.retrying import Retries
from benchctl.hosts.files.writing import FarFile, FarFolder
from benchctl.hosts.host import FileStat, Host

T = TypeVar("T")


@dataclass(frozen=True)
class Copied:
    """What a copy came to. `sha256` of a folder: as of a collected one."""

    source: str  # `db:/tmp/a`
    target: str  # likewise, where it is now
    bytes: int
    sha256: str
    files: int | None  # how many; None for a single file
    is_verified: bool  # the target's own reading of it gave the same digests, else only the sizes are known to agree
    left_out: tuple[str, ...]
    retries: int
    duration_s: float


class Copying:
    """A file or a folder from a host to another."""

    def __init__(  # noqa: PLR0917 - two ends with two parts each
        self, source: Host, source_path: str, target: Host, target_path: str, watch: Watch = UNWATCHED
    ) -> None:
        self._source, self._source_path = source, source_path
        self._target, self._target_path = target, target_path
        self._watch = watch
        self._retries = Retries(watch.tell)
        self._reading = Reading(source, self._retries)
        self._stopped = threading.Event()
        self._began = time.monotonic()
        self._done = self._total = 0

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> Copied:
        """Raises Missing, OutputError or HostError; the target's name only ever holds a whole file or folder."""
        found = self._reading.stat(self._source_path)
        return self._copy_file(found) if found.kind == "file" else self._copy_folder()

    # One file

    def _copy_file(self, found: FileStat) -> Copied:
        final = self._retries.run(self._final_file)
        permissions = self._retries.run(lambda: self._permissions(found, final))
        self._check_room(found.bytes, final)
        with self._partial(final) as partial:
            with FarFile(self._target, partial, permissions, refuse=self._refusal(final), grew=self._grew) as arrival:
                before = self._reading.file(self._source_path, arrival)
            size, sha256 = arrival.size, arrival.digest.hexdigest()
            self._check_unchanged(before, size)
            folder, _, name = partial.rpartition("/")
            is_verified = self._verify(folder or "/", {name: (size, sha256)}, final)
            self._move(partial, final)
        return self._copied(final, size, sha256, is_verified=is_verified)

    def _final_file(self) -> str:
        """Into a folder under the source's name; through a symbolic link to what it leads to."""
        path = self._target.real_path(self._target.resolve(self._target_path))
        if self._target_path.endswith("/"):
            return self._target.real_path(f"{path}/{self._name}")
        try:
            final = f"{path}/{self._name}" if self._target.stat(path).kind == "folder" else path
        except OSError:
            return path
        if self._source is self._target and final == self._source.real_path(self._source_path):
            raise OutputError(f"{self._source_path} on {self._source.place} can't be copied onto itself")
        return final

    def _permissions(self, found: FileStat, final: str) -> int:
        """The source's, or those of the file that is replaced. A folder, device or pipe is never replaced."""
        try:
            existing = self._target.stat(final)
        except OSError:
            return found.permissions
        if existing.kind != "file":
            kind = "a folder" if existing.kind == "folder" else "a device, pipe or socket"
            raise OutputError(f"{final} on {self._target.place} is {kind}; a copy does not replace it")
        return existing.permissions

    def _check_unchanged(self, before: FileStat, size: int) -> None:
        """A source that shrinks while it is read must not pass for a copy; of one that grows that is said."""
        where = f"{self._source_path} on {self._source.place}"
        if size < before.bytes:
            raise OutputError(f"{where} has {before.bytes:,} bytes, only {size:,} were read")
        if self._reading.stat(self._source_path) != before:
            self._watch.tell(f"{where} changed while it was copied: is something still writing it?")

    # A folder

    def _copy_folder(self) -> Copied:
        found = self._reading.list_folder(self._source_path)
        final = self._retries.run(self._final_folder)
        if found.left_out:
            self._watch.tell(f"not taken from {self._source_path}: {in_a_few_words(found.left_out)}")
        self._check_room(found.bytes, final)
        with self._partial(final) as partial:
            done = self._fill(partial, found, final)
            is_verified = self._verify(partial, done, final)
            self._say_changed(found, self._reading.list_folder(self._source_path))
            self._move(partial, final)
        files = ((name, sha256) for name, (_, sha256) in done.items())
        size = sum(size for size, _ in done.values())
        return self._copied(
            final, size, digest_of_files(files), is_verified=is_verified, files=len(done), left_out=found.left_out
        )

    def _final_folder(self) -> str:
        """Exactly where it was said, or below a path that ends with a slash; nothing may be there."""
        path = self._target.real_path(self._target.resolve(self._target_path))
        final = f"{path}/{self._name}" if self._target_path.endswith("/") else path
        if self._source is self._target and f"{final}/".startswith(f"{self._target.real_path(self._source_path)}/"):
            raise OutputError(f"{self._source_path} on {self._source.place} can't be copied into itself")
        try:
            existing = self._target.stat(final)
        except OSError:
            return final
        where = f"{final} on {self._target.place}"
        if existing.kind != "folder":
            raise OutputError(f"{where} is no folder; a folder does not replace it")
        if final == path:
            hint = f"remove it first, or end the path with a slash to have the copy in it: {self._target_path}/"
        else:
            hint = "remove it first, or give the copy another name"
        raise OutputError(f"{where} is there already; a copy does not replace a folder", hint=hint)

    def _fill(self, partial: str, found: Listing, final: str) -> dict[str, tuple[int, str]]:
        """Every file of the folder into the partial one: name -> bytes, sha256."""
        permissions = {entry.name: entry.permissions for entry in found.files}
        arriving = FarFolder(self._target, partial, permissions, refuse=self._refusal(final), grew=self._grew)
        try:
            self._retries.run(lambda: arriving.make_folders(found.folders))
            self._reading.files(self._source_path, found.files, arriving)
        finally:
            arriving.close()
        return arriving.done

    def _say_changed(self, before: Listing, after: Listing) -> None:
        changed = sorted({entry.name for entry in set(before.files) ^ set(after.files)})
        if changed:
            where = f"{self._source_path} on {self._source.place}"
            self._watch.tell(f"{where} changed while it was copied: {in_a_few_words(changed)}")

    # Both

    def _check_room(self, size: int, final: str) -> None:
        self._total = size
        folder = final.rpartition("/")[0] or "/"
        free = self._retries.run(lambda: self._target.free_bytes(folder))
        if free is not None and size > free:
            source, target = f"{self._source_path} on {self._source.place}", f"{folder} on {self._target.place}"
            raise OutputError(f"{source} has {size:,} bytes, and {target} only {free:,} free", hint="free some room")

    @property
    def _name(self) -> str:
        return self._source_path.rpartition("/")[2]

    @contextlib.contextmanager
    def _partial(self, final: str) -> Iterator[str]:
        """Where the copy grows until it is whole; nothing is left of it afterwards."""
        partial = f"{final}.{secrets.token_hex(4)}.part"
        try:
            yield partial
        except BaseException:
            with contextlib.suppress(OSError, HostError):  # the error that brought us here says what happened
                self._target.remove(partial)
            raise

    def _verify(self, folder: str, done: Mapping[str, tuple[int, str]], final: str) -> bool:
        """Whether the target's own reading gave the same digests; without a tool for that, the sizes are compared.

        Raises OutputError where something differs.
        """
        names, size = list(done), sum(size for size, _ in done.values())
        read = self._retries.run(lambda: self._on_target(lambda: self._target.digests(folder, names, size), final))
        if read is not None:
            wrong = [name for name, digest in zip(names, read, strict=True) if digest != done[name][1]]
        else:
            sizes = self._retries.run(lambda: self._on_target(lambda: self._sizes(folder, names), final))
            wrong = [name for name in names if sizes.get(name) != done[name][0]]
        if wrong:
            what = in_a_few_words(wrong) if folder.endswith(".part") else final
            raise OutputError(f"{what} arrived on {self._target.place} with other content than it was sent with")
        return read is not None

    def _sizes(self, folder: str, names: Sequence[str]) -> dict[str, int]:
        if len(names) == 1:
            return {names[0]: self._target.stat(f"{folder}/{names[0]}").bytes}
        return {entry.name: entry.bytes for entry in self._target.walk(folder)}

    def _move(self, partial: str, final: str) -> None:
        """A rename that had happened before its answer was lost has happened."""

        def move() -> None:
            try:
                self._target.move(partial, final)
            except FileNotFoundError:
                self._target.stat(final)

        self._retries.run(lambda: self._on_target(move, final))

    def _on_target(self, work: Callable[[], T], final: str) -> T:
        try:
            return work()
        except OSError as error:
            raise self._refusal(final)(error) from error

    def _refusal(self, final: str) -> Callable[[OSError], BenchctlError]:
        """The error for what is in the way of writing there."""

        def refuse(error: OSError) -> OutputError:
            source, target = self._source, self._target
            return OutputError(
                f"copying {self._source_path} from {source.place} to {final} on {target.place}: "
                f"{error.strerror or error}",
                hint=self._cure(error, final),
            )

        return refuse

    def _cure(self, error: OSError, final: str) -> str:
        folder = final.rpartition("/")[0] or "/"
        if isinstance(error, FileNotFoundError) and self._is_missing(folder):
            return f"there is no folder {folder} on {self._target.alias}; make it first"
        return f"is there room, and may {self._target.alias}'s user write there?"

    def _is_missing(self, folder: str) -> bool:
        try:
            self._target.stat(folder)
        except FileNotFoundError:
            return True
        except (OSError, HostError):  # nothing is known of it; the error under way says enough
            return False
        return False

    def _grew(self, by: int) -> None:
        if self._stopped.is_set():
            raise OutputError("the copy was stopped")
        self._done += by
        self._watch.progress(self._done, self._total)

    def _copied(
        self,
        final: str,
        size: int,
        sha256: str,
        *,
        is_verified: bool,
        files: int | None = None,
        left_out: tuple[str, ...] = (),
    ) -> Copied:
        duration_s = time.monotonic() - self._began
        return Copied(
            source=f"{self._source.alias}:{self._source_path}",
            target=f"{self._target.alias}:{final}",
            bytes=size,
            sha256=sha256,
            files=files,
            is_verified=is_verified,
            left_out=left_out,
            retries=self._retries.count,
            duration_s=duration_s,
        )
