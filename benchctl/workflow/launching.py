"""Getting a stage ready to start on its host: names filled in, logs opened, its script sent."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from benchctl import events
from benchctl.config.commandline import with_args
from benchctl.config.model import Stage
from benchctl.hosts.commands.sinks import LogSink
from benchctl.hosts.commands.supervisor import exports
from benchctl.hosts.health import Probe
from benchctl.hosts.host import Host
from benchctl.plan import Launch
from benchctl.project_task import described
from benchctl.runs.files import NotWritten, make_directory
from benchctl.template import fill
from benchctl.workflow import failures
from benchctl.workflow.surroundings import Surroundings

PROGRESS_S = 0.1
KEEPING = threading.Lock()  # a stage of many hosts has one script


class Preparation:
    """What a stage needs on its host before its start, and takes away with it at the trial's end."""

    def __init__(self, stage: Stage, host: Host, around: Surroundings, attempt: int) -> None:
        self._stage = stage
        self._host = host
        self._around = around
        self._attempt = attempt
        self.names = around.circumstances.values(host.alias)
        self.command = ""  # as run
        self.cwd = fill(stage.cwd, self.names) if stage.cwd else None
        self.sinks: tuple[LogSink, LogSink] | None = None
        self._scratch: str | None = None  # where its script is on the host

    def launch(self) -> Launch:
        """Raises StageError or HostError when something is in the way of it."""
        stage, names = self._stage, self.names
        self.sinks = self._sink("out"), self._sink("err")
        args = tuple(fill(arg, names) for arg in stage.args)
        self.command = self._command(args)
        return Launch(
            command=self.command,
            args=args,
            env=self._around.circumstances.environment_of(stage, self._host.alias),
            cwd=self.cwd,
            out=self.sinks[0],
            err=self.sinks[1],
            from_path=fill(stage.copy.from_path, names) if stage.copy else "",
            to_path=fill(stage.copy.to_path, names) if stage.copy else "",
            progress=self._progress(),
            is_last=self._is_last(),
        )

    def _progress(self) -> Callable[[int, int], None]:
        shown_at = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= PROGRESS_S:
                shown_at = time.monotonic()
                self._around.announce(
                    events.COPY_PROGRESS,
                    stage=self._stage.name,
                    host=self._host.alias,
                    done_bytes=done,
                    total_bytes=total,
                )

        return progress

    def _is_last(self) -> bool:
        stages = self._around.stages
        later = [s for s in stages[stages.index(self._stage) + 1 :] if self._host.alias in s.hosts]
        return self._around.is_last and not later and not self._stage.retries

    def probe(self, launch: Launch) -> Probe | None:
        """The stage's health check on its host, seen from where the stage works."""
        check = self._stage.health_check
        if check is None:
            return None
        target = fill(check.target, self.names)
        if check.type == "file":
            target = self._host.resolve(target, launch.cwd)
        place = f"cd -- {self._host.shell_path(launch.cwd)} || exit 1; " if launch.cwd else ""
        return Probe(self._host, check, target, exports(launch.env) + place)

    def last_lines(self, *, also_stdout: bool) -> list[str]:
        """The newest lines of its stderr, or else of its stdout if wished."""
        if self.sinks is None:
            return []
        out, err = self.sinks
        return err.last_lines() or (out.last_lines() if also_stdout else [])

    def log_paths(self) -> dict[str, Any]:
        """The logs by their paths in the trial's folder."""
        if self.sinks is None:
            return {}
        folder = self._around.folder.path
        return {name: str(sink.path.relative_to(folder)) for name, sink in zip(("out", "err"), self.sinks, strict=True)}

    def logs(self) -> dict[str, Any]:
        """The same for the record, with their sizes."""
        if self.sinks is None:
            return {}
        out, err = self.sinks
        return {
            **self.log_paths(),
            "out_bytes": out.size,
            "err_bytes": err.size,
        }

    def let_go(self) -> None:
        """Nothing is expected in the logs for the time being."""
        for sink in self.sinks or ():
            sink.let_go()

    def close(self) -> None:
        """Close the logs, and say so when one is not complete."""
        for sink in self.sinks or ():
            sink.close()
            if sink.failure:
                text = f"the log {sink.path.name} is not complete: {sink.failure.strerror}"
                self._around.announce(events.WARNING, text=text)

    @property
    def has_script(self) -> bool:
        """Whether its script is still on the host."""
        return self._scratch is not None

    def remove_script(self) -> None:
        """Take the script off its host. Raises HostError when that can't be done."""
        if self._scratch:
            self._host.remove_scratch(self._scratch)
            self._scratch = None

    def _command(self, args: tuple[str, ...]) -> str:
        """The text for the shell, or what stands for it in the record."""
        stage = self._stage
        if stage.copy:
            source, target = fill(stage.copy.from_path, self.names), fill(stage.copy.to_path, self.names)
            return f"copy {stage.copy.from_host}:{source} {stage.copy.to_host}:{target}"
        if stage.task:
            return described(stage.task, args)
        first = fill(stage.command, self.names) if stage.command else shlex.quote(self._send_script())
        return with_args(first, map(shlex.quote, args))

    # Logs

    def _sink(self, stream: Literal["out", "err"]) -> LogSink:
        name = self._stage.slug if self._attempt == 1 else f"{self._stage.slug}.{self._attempt}"
        path = self._around.folder.log_path(name, self._host.alias, stream)
        show = self._shower(stream) if self._around.shows_output else None
        try:
            _refuse_link(path.parent)
            return LogSink(path, self._around.redactor, show)
        except OSError as error:
            raise failures.no_log(self._stage, path, error) from error

    def _shower(self, stream: str) -> Callable[[list[str], int], None]:
        def show(lines: list[str], left_out: int) -> None:
            self._around.announce(
                events.OUTPUT_LINES,
                stage=self._stage.name,
                host=self._host.alias,
                stream=stream,
                lines=lines,
                left_out=left_out,
            )

        return show

    # Scripts

    def _send_script(self) -> str:
        """The path on the host of the stage's script, put there just now; here it is the kept copy itself."""
        script = str(self._stage.script)
        try:
            content = (self._around.plan.benchmark.directory / script).read_bytes()
            with KEEPING:
                kept = self._keep_script(Path(script).name, content)
        except OSError as error:
            raise failures.not_sent(self._stage, script, error) from error
        if self._host.config.is_local:
            return str(kept)
        self._scratch = self._host.make_scratch()
        path = f"{self._scratch}/{Path(script).name}"
        self._host.put(content, path, executable=True)
        return path

    def _keep_script(self, name: str, content: bytes) -> Path:
        """Its copy in the run, as sent; another script of the same name keeps that name."""
        run = self._around.run.path.resolve()
        folder = run / "scripts"
        make_directory(folder, below=run)
        _refuse_link(folder)
        kept = folder / name
        if _holds_other(kept, content):
            kept = folder / f"{self._stage.slug}-{name}"
        if not kept.exists() or kept.is_symlink() or _holds_other(kept, content):
            _replace(kept, content)
        return kept


def _refuse_link(folder: Path) -> None:
    """Nothing is written through a link that a stage put in the place of one of the run's folders."""
    if folder.is_symlink():
        raise NotWritten(f"{folder} is a symbolic link by now; nothing is written through it")


def _holds_other(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() != content


def _replace(path: Path, content: bytes) -> None:
    """Write an executable file in one step; a link in its place is replaced, not followed."""
    partial = path.with_name(f".{path.name}.part")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755), "wb") as file:
        file.write(content)
    os.replace(partial, path)
