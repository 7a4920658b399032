"""The supervisor's text, run by the shells it will meet."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sshd as bed
from sshd import wait_until

from benchctl.hosts.commands import shell as question_shell
from benchctl.hosts.commands import supervisor
from benchctl.hosts.commands.supervisor import control_lines, supervisor_command, supervisor_words
from benchctl.hosts.files import streams

MARK = "benchctl-0123456789abcdef"
TOKEN = f"{os.getpid():x}"
SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
LONG_S = 30.0  # a deadline, never a duration


class Supervised:
    """One supervisor on this machine; its streams go to files, its control line stays open."""

    def __init__(self, words: list[str], command: str, directory: Path, env: dict[str, str] | None = None) -> None:
        self._out, self._err = directory / "out", directory / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True, bufsize=0
            )
        self.say(control_lines(MARK, command, env or {}))

    def say(self, data: bytes) -> None:
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError, ValueError):  # gone, or hung up already
            self.process.stdin.write(data)

    def hang_up(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def status(self) -> int:
        return self.process.wait(LONG_S)

    def out(self) -> bytes:
        return self._out.read_bytes()

    def err(self) -> bytes:
        return self._err.read_bytes()

    def wait_for(self, text: bytes) -> None:
        wait_until(lambda: text in self.out() + self.err(), f"{text!r} is printed", timeout_s=LONG_S)

    @property
    def group(self) -> int:
        self.wait_for(b" started ")
        return int(self.err().split(b" started ")[1].split()[0])

    def members(self) -> list[int]:
        return members(self.group)

    def close(self) -> None:
        self.say(b"k\n")
        self.process.wait(LONG_S)
        self.hang_up()
        wait_until(lambda: not members(self.process.pid), "timer and reader end", timeout_s=LONG_S)


Supervise = Callable[..., Supervised]


@pytest.fixture(params=SHELLS)
def words(request: pytest.FixtureRequest) -> list[str]:
    """The supervisor's words, it and the job run by one of the shells."""
    shell = SHELLS[request.param]
    if not shutil.which(shell[0]):
        pytest.skip(f"this machine has no {request.param}")
    return [*shell, *supervisor_words(" ".join([*shell, "-c"]), TOKEN)[1:]]


@pytest.fixture
def supervise(words: list[str], tmp_path: Path) -> Iterator[Supervise]:
    """Starts commands under supervision: `supervise(command, env, changes={old: new})`."""
    started: list[Supervised] = []

    def start(command: str, env: dict[str, str] | None = None, changes: dict[str, str] | None = None) -> Supervised:
        text = list(words)
        for old, new in (changes or {}).items():
            assert any(old in word for word in text)
            text = [word.replace(old, new) for word in text]
        directory = tmp_path / str(len(started))
        directory.mkdir()
        started.append(Supervised(text, command, directory, env))
        return started[-1]

    yield start
    for supervised in started:
        supervised.close()


def members(group: int) -> list[int]:
    """The living processes of a process group."""
    return [pid for pid in bed.all_pids() if process_group(pid) == group and bed.is_alive(pid)]


def process_group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("true", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -TERM $$", 128 + signal.SIGTERM),
        ("kill -KILL $$", 128 + signal.SIGKILL),
        ("kill -USR1 $$", 128 + signal.SIGUSR1),
        ("sh -c 'kill -SEGV $$'; exit $?", 128 + signal.SIGSEGV),
        ("no-such-command-anywhere", 127),
        ("/etc/passwd", 126),
    ],
)
def test_exit_status_is_the_shells_and_a_signal_is_128_more(supervise: Supervise, command: str, status: int) -> None:
    assert supervise(command).status() == status


def test_output_holds_the_marks_and_what_the_command_printed_and_nothing_else(supervise: Supervise) -> None:
    supervised = supervise("printf out; printf err >&2")
    assert supervised.status() == 0
    assert supervised.out() == f"{MARK}\nout".encode()
    assert supervised.err() == f"{MARK} started {supervised.group}\nerr".encode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "it's",
        '"$HOME"`id`$(id)',
        "a\\b\\\\c\\n\\t\\0101\\c",
        "two\nlines\n",
        "tab\tand é 漢字 😀",
        "100% %s %d %%",
        "-n",
        "!x !! !$",
        " spaces  ",
        "\r",
        "caf\udce9",  # a byte that is no UTF-8, as Python shows it
    ],
)
def test_environment_values_arrive_as_they_are(supervise: Supervise, value: str) -> None:
    supervised = supervise('printf %s "$GIVEN"', {"GIVEN": value})
    assert supervised.status() == 0
    assert supervised.out() == f"{MARK}\n{value}".encode("utf-8", "surrogateescape")


def test_commands_of_several_lines_with_heredocs_and_backslashes_run_as_written(supervise: Supervise) -> None:
    supervised = supervise("cat <<'END'\nit's $HOME \\n\n\n  100%\nEND\nfor i in 1 2\ndo printf '%s\\n' $i\ndone\n")
    assert supervised.status() == 0
    assert supervised.out() == MARK.encode() + b"\nit's $HOME \\n\n\n  100%\n1\n2\n"


def test_commands_longer_than_a_pipe_holds_run(supervise: Supervise) -> None:
    text = "0123456789abcde\n" * 20_000
    supervised = supervise(f"cat <<'END'\n{text}END")
    assert supervised.status() == 0
    assert supervised.out() == f"{MARK}\n{text}".encode()


def test_standard_input_of_a_command_is_empty(supervise: Supervise) -> None:
    supervised = supervise("cat; echo read")
    assert supervised.status() == 0
    assert supervised.out() == f"{MARK}\nread\n".encode()


def test_command_obeys_every_signal(supervise: Supervise) -> None:
    supervised = supervise("exec grep -E 'Sig(Blk|Ign)' /proc/self/status")
    assert supervised.status() == 0
    said = supervised.out().decode().partition("\n")[2]
    of_programs = (1 << 31) - 1  # those from 32 on are the C library's
    masks = {name: int(mask, 16) & of_programs for name, mask in (line.split(":") for line in said.splitlines())}
    assert (masks["SigBlk"], masks["SigIgn"]) == (0, 0)


def test_command_that_is_interrupted_ends(supervise: Supervise) -> None:
    supervised = supervise("sh -c 'kill -INT $$; echo survived'; kill -INT $$")
    assert supervised.status() == 128 + signal.SIGINT
    assert b"survived" not in supervised.out()


def test_command_has_its_three_streams_and_no_other_file_open(supervise: Supervise) -> None:
    supervised = supervise("ls /proc/$$/fd; true")
    assert supervised.status() == 0
    own = {"10", "255"}  # where dash and bash keep what they read from
    assert set(supervised.out().decode().split()[1:]) - own == {"0", "1", "2"}


def test_command_whose_shell_loses_its_parent_has_no_status_and_is_ended(supervise: Supervise) -> None:
    supervised = supervise("sleep 600 & sleep 601")
    group = supervised.group
    fields = bed.stat_fields(group)
    assert fields
    os.kill(fields[2], signal.SIGKILL)
    assert supervised.status() == -signal.SIGKILL
    wait_until(lambda: not members(group), "the group ends", timeout_s=LONG_S)
    wait_until(lambda: not members(supervised.process.pid), "nothing of the supervisor is left", timeout_s=LONG_S)


def test_shell_says_nothing_of_its_own_about_a_killed_command(supervise: Supervise) -> None:
    supervised = supervise("kill -KILL $$")
    assert supervised.status() == 128 + signal.SIGKILL
    assert supervised.err() == f"{MARK} started {supervised.group}\n".encode()


def test_command_leads_a_session_of_its_own(supervise: Supervise) -> None:
    supervised = supervise("echo; sleep 600")
    group = supervised.group
    assert (os.getpgid(group), os.getsid(group)) == (group, group)
    assert group != supervised.process.pid


def test_shell_that_leaves_a_process_is_said_to_have_ended_and_is_waited_for(supervise: Supervise) -> None:
    supervised = supervise("sleep 600 & exit 3")
    supervised.wait_for(f"{MARK} ended 3\n".encode())
    assert supervised.process.poll() is None
    supervised.say(b"t\n")
    assert supervised.status() == 3
    assert supervised.members() == []


def test_left_processes_that_end_by_themselves_end_the_supervisor(supervise: Supervise, tmp_path: Path) -> None:
    supervised = supervise(f"while ! [ -e {tmp_path}/go ]; do sleep 0.05; done &", changes={"sleep 5": "sleep 0.2"})
    supervised.wait_for(f"{MARK} ended 0\n".encode())
    (tmp_path / "go").touch()
    assert supervised.status() == 0


def test_terminate_lets_the_command_clean_up(supervise: Supervise) -> None:
    supervised = supervise('trap "echo cleaned; exit 5" TERM; echo ready; while :; do sleep 0.05; done')
    supervised.wait_for(b"ready")
    supervised.say(b"t\n")
    assert supervised.status() == 5
    assert supervised.out().endswith(b"ready\ncleaned\n")


def test_terminate_kills_what_ignores_it_after_the_grace(supervise: Supervise) -> None:
    supervised = supervise(
        'trap "" TERM; echo ready; while :; do sleep 0.1; done', changes={"end_group 100": "end_group 3"}
    )
    supervised.wait_for(b"ready")
    supervised.say(b"t\n")
    assert supervised.status() == 128 + signal.SIGKILL
    assert supervised.members() == []


def test_kill_ends_the_whole_group_at_once_even_during_the_grace(supervise: Supervise) -> None:
    supervised = supervise('trap "" TERM; sleep 600 & echo ready; while :; do sleep 0.1; done')
    supervised.wait_for(b"ready")
    supervised.say(b"t\nk\n")
    assert supervised.status() == 128 + signal.SIGKILL
    assert supervised.members() == []


def test_kill_that_comes_with_the_job_is_not_lost(supervise: Supervise) -> None:
    for _ in range(20):
        supervised = supervise("sleep 600")
        supervised.say(b"k\n")
        assert supervised.status() == 128 + signal.SIGKILL


def test_kill_that_comes_between_the_pid_and_the_group_is_not_lost(supervise: Supervise) -> None:
    slowed = {"exec setsid": "sleep 0.1; exec setsid", "|| { kill": "|| { sleep 0.5; kill"}
    supervised = supervise("sleep 600", changes=slowed)
    supervised.say(b"k\n")
    assert supervised.status() == 128 + signal.SIGKILL
    assert supervised.members() == []


def test_end_of_the_control_line_ends_the_group(supervise: Supervise) -> None:
    supervised = supervise("sleep 600 & sleep 601")
    group = supervised.group
    supervised.hang_up()
    assert supervised.status() == 128 + signal.SIGTERM
    assert members(group) == []


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_silence_of_the_controller_ends_what_its_own_supervisors_run(shell: str, tmp_path: Path) -> None:
    """As `sh` on a host is one of these: reading the control line is interrupted by a trap only then."""
    if not (found := shutil.which(shell)):
        pytest.skip(f"this machine has no {shell}")
    (tmp_path / "sh").symlink_to(found)
    words = [str(tmp_path / "sh"), *supervisor_words("sh -c", TOKEN)[1:]]
    other = [str(tmp_path / "sh"), *supervisor_words("sh -c", f"other{TOKEN}")[1:]]
    ours = [supervised_in(tmp_path / str(number), words) for number in range(2)]
    foreign = supervised_in(tmp_path / "foreign", other)
    groups = [one.group for one in (*ours, foreign)]
    guard = [word.replace("sleep 5", "sleep 0.3") for word in question_shell.shell_words(TOKEN)]
    with subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True, bufsize=0) as shell_process:
        assert shell_process.stdin
        for _ in range(25):  # longer than the 1.5 s of silence that it bears
            shell_process.stdin.write(b".\n")
            time.sleep(0.1)
        assert all(members(group) for group in groups)
        wait_until(lambda: not any(members(group) for group in groups[:2]), "both end", timeout_s=LONG_S)
        assert shell_process.wait(LONG_S) == -signal.SIGKILL
    assert members(foreign.group)
    for one in (*ours, foreign):
        one.close()


def supervised_in(directory: Path, words: list[str]) -> Supervised:
    directory.mkdir()
    return Supervised(words, "sleep 600 & sleep 601", directory)


def test_session_of_its_own_is_left_alone(supervise: Supervise, tmp_path: Path) -> None:
    supervised = supervise(
        f"setsid sh -c 'echo $$ >{tmp_path}/pid; exec sleep 600' & until [ -s {tmp_path}/pid ]; do :; done"
    )
    assert supervised.status() == 0
    daemon = int((tmp_path / "pid").read_text())
    assert bed.is_alive(daemon)
    os.kill(daemon, signal.SIGKILL)


def test_zombies_are_not_waited_for(supervise: Supervise, tmp_path: Path) -> None:
    script = tmp_path / "zombie.py"
    script.write_text(
        "import os, pathlib, time\n"
        "if os.fork() == 0:\n"
        "    os._exit(0)\n"  # never reaped, and still of the group that its parent leaves
        "os.setsid()\n"
        f"pathlib.Path('{tmp_path}/pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    supervised = supervise(f"python3 {script} & until [ -s {tmp_path}/pid ]; do sleep 0.01; done; exit 4")
    assert supervised.status() == 4
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_killed_supervisor_takes_its_command_along(supervise: Supervise) -> None:
    supervised = supervise("sleep 600 & sleep 601")
    group = supervised.group
    os.kill(supervised.process.pid, signal.SIGKILL)
    assert supervised.status() == -signal.SIGKILL
    supervised.hang_up()  # as sshd does when the process it started is gone
    wait_until(lambda: not members(group), "the group ends", timeout_s=LONG_S)
    wait_until(lambda: not members(supervised.process.pid), "nothing of the supervisor is left", timeout_s=LONG_S)


def test_process_list_shows_neither_the_command_nor_its_environment(supervise: Supervise) -> None:
    hidden = f"hidden-{secrets.token_hex(8)}"
    supervised = supervise(f"CANARY={hidden}; echo ready; sleep 600; echo $CANARY", {"SECRET": hidden})
    supervised.wait_for(b"ready")
    lines = [bed.command_line(pid) for pid in bed.all_pids()]
    assert [line for line in lines if hidden in line] == []


def test_nothing_of_the_supervisor_is_left_after_the_command(supervise: Supervise) -> None:
    supervised = supervise("true")
    assert supervised.status() == 0
    wait_until(lambda: not members(supervised.process.pid), "timer and reader end", timeout_s=LONG_S)


@pytest.mark.parametrize("login_shell", ["csh", "tcsh", "fish", "zsh", "ksh", "bash", "dash"])
def test_login_shells_take_the_text_as_it_is(login_shell: str, tmp_path: Path) -> None:
    if not shutil.which(login_shell):
        pytest.skip(f"this machine has no {login_shell}")
    supervised = Supervised([login_shell, "-c", supervisor_command("sh -c", TOKEN)], "echo fine; exit 6", tmp_path)
    assert supervised.status() == 6
    assert supervised.out() == f"{MARK}\nfine\n".encode()
    supervised.close()


@pytest.mark.parametrize("login_shell", ["csh", "tcsh", "fish", "zsh", "ksh", "bash", "dash"])
def test_login_shells_take_the_text_of_the_question_shell(login_shell: str) -> None:
    if not shutil.which(login_shell):
        pytest.skip(f"this machine has no {login_shell}")
    asked = subprocess.run(
        [login_shell, "-c", question_shell.shell_command(TOKEN)],
        input=b"mark\necho fine\n",
        capture_output=True,
        timeout=LONG_S,
        start_new_session=True,
    )
    assert b"fine\n" in asked.stdout


def test_texts_hold_nothing_that_single_quotes_do_not_keep() -> None:
    texts = [*supervisor_words("sh -c", TOKEN), question_shell.SHELL_TEXT]
    assert [text for text in texts for c in "'\\\n" if c in text] == []


def test_shell_of_several_words_is_passed_as_such() -> None:
    assert supervisor_words("bash -l -c", TOKEN)[-3:] == ["bash", "-l", "-c"]
    assert supervisor_command("bash -l -c", TOKEN).endswith("' bash -l -c")
    assert supervisor.NAME == "benchctl-supervisor"


@pytest.mark.parametrize("login_shell", ["csh", "tcsh", "fish", "zsh", "ksh", "bash", "dash"])
def test_login_shells_take_the_text_of_a_file_stream(login_shell: str, tmp_path: Path) -> None:
    if not shutil.which(login_shell):
        pytest.skip(f"this machine has no {login_shell}")
    streamed = subprocess.run(
        [login_shell, "-c", streams.STREAM_COMMAND],
        input=f"exec cat >{tmp_path}/a\ncontent\\n\n".encode(),
        capture_output=True,
        timeout=LONG_S,
    )
    assert (streamed.returncode, (tmp_path / "a").read_bytes()) == (0, b"content\\n\n")
