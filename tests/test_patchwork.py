"""patchwork's own functions on our connection, once a user installed it as docs/patchwork.md says."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sshd as bed

import benchctl

NEEDS = "patchwork is not installed: pip install six && pip install --no-deps patchwork"


@pytest.fixture
def patchwork(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package, with the module put back that Invoke 1 brought along."""
    six = pytest.importorskip("six", reason=NEEDS)
    import invoke.vendor

    monkeypatch.setattr(invoke.vendor, "six", six, raising=False)
    monkeypatch.setitem(sys.modules, "invoke.vendor.six", six)
    module: ModuleType = pytest.importorskip("patchwork", reason=NEEDS)
    return module


@pytest.fixture
def connection(tmp_path: Path, sshd: bed.Sshd, keys: bed.Keys) -> Any:
    """Our own connection, as a stage `task:` gets it for its context."""
    import json

    config = tmp_path / "config.yaml"
    hosts = json.dumps({"vm": sshd.as_host(keys.plain)})
    config.write_text(f"benchmark: {{name: x}}\nhosts: {hosts}\nstages: [{{name: x, host: vm, command: 'true'}}]\n")
    host = benchctl.compile_plan(benchctl.load(config)).hosts["vm"]
    host.connect()
    yield host.context
    host.close()


@pytest.mark.filterwarnings("ignore")
def test_patchworks_files_work_on_our_connection(patchwork: ModuleType, connection: Any, tmp_path: Path) -> None:
    from patchwork import files  # type: ignore[import-not-found, import-untyped, unused-ignore]

    folder, text = tmp_path / "folder", tmp_path / "folder/text"
    assert not files.exists(connection, str(folder))
    files.directory(connection, str(folder), mode="700")
    assert files.exists(connection, str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700
    files.append(connection, str(text), "a line")
    files.append(connection, str(text), "a line")
    assert text.read_text() == "a line\n"
    assert files.contains(connection, str(text), "a line")
    assert not files.contains(connection, str(text), "another")


@pytest.mark.filterwarnings("ignore")
def test_patchworks_facts_work_on_our_connection(patchwork: ModuleType, connection: Any) -> None:
    from patchwork.info import distro_name  # type: ignore[import-not-found, import-untyped, unused-ignore]

    assert distro_name(connection)


@pytest.mark.filterwarnings("ignore")
def test_patchworks_rsync_works_on_our_connection(
    patchwork: ModuleType, connection: Any, tmp_path: Path, keys: bed.Keys
) -> None:
    from patchwork.transfers import rsync  # type: ignore[import-not-found, import-untyped, unused-ignore]

    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "file").write_text("content")
    ssh = f"-i {keys.plain.path} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    rsync(connection, f"{source}/", str(target), ssh_opts=ssh)
    assert (target / "file").read_text() == "content"
