"""Facts about the code, the versions and the writing process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchctl.runs import facts


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_git_facts_are_commit_branch_and_dirty(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "results").mkdir()
    (repository / "results/new").write_text("untracked")
    assert facts.git_facts(repository / "results") == {"commit": commit, "branch": "main", "dirty": False}
    (repository / "a").write_text("2")
    assert facts.git_facts(repository) == {"commit": commit, "branch": "main", "dirty": True}
    git(repository, "checkout", "-q", "--detach")
    assert facts.git_facts(repository) == {"commit": commit, "branch": None, "dirty": True}


def test_git_facts_are_none_without_a_repository_a_commit_or_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert facts.git_facts(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert facts.git_facts(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert facts.git_facts(tmp_path) is None


def test_git_that_hangs_is_given_up(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(facts, "GIT_DEADLINE_S", 0.1)
    assert facts.git_facts(repository) is None


def test_uids_differ_and_begin_with_their_moment() -> None:
    uids = [facts.new_uid() for _ in range(100)]
    assert len(set(uids)) == 100
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}", uids[0])


def test_versions_name_what_took_part() -> None:
    assert list(facts.versions()) == ["benchctl", "python", "fabric", "invoke", "paramiko"]


def test_writer_is_there_as_long_as_its_process() -> None:
    code = "from benchctl.runs.facts import writer; import json; print(json.dumps(writer()), flush=True); input()"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes, text=True) as process:
        assert process.stdout
        writer = json.loads(process.stdout.readline())
        assert not facts.writer_is_gone(writer)
        assert facts.writer_is_gone(writer | {"start_ticks": 1})
        assert facts.writer_is_gone(writer | {"boot_id": "before"})
        assert not facts.writer_is_gone(writer | {"boot_id": "x", "host": "elsewhere"})
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert facts.writer_is_gone(writer), "a zombie writes nothing"
    assert facts.writer_is_gone(writer)


def test_writer_that_is_not_named_is_not_called_gone() -> None:
    assert not facts.writer_is_gone({})
    assert not facts.writer_is_gone({"host": os.uname().nodename, "pid": None})
