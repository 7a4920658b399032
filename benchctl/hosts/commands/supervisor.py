"""The few lines of POSIX sh under which every command runs, and the job text they are given.

The supervisor reads its control line (stdin): a word that marks its own lines, the job, then one word a line:
`t` ends the command's process group gently (TERM, KILL after a grace), `k` at once. End of file ends it too, and
so does a TERM to the reader of that line: the host's shell sends it to all of them when the controller has been
silent for LEASE_S (shell.py).

The job runs in a session and process group of its own, with stdin from /dev/null. It announces its pid
(`MARK started PID`, on stderr, and `MARK` on stdout, so that what a login script printed before can be
told from its output). The supervisor's exit status is the job's shell's. If that shell leaves processes
of its group behind, the supervisor says `MARK ended STATUS` on stderr and stays until they are gone.

The job is on the left side of a pipeline, because a shell starts `job &` with SIGINT and SIGQUIT ignored, for good. The
supervisor proper is on the right; its pid, the job's and the job's status come through /proc and the pipe. Should the
left side be killed before it has told the status, the whole is killed: that is no status to report.

The group begins a moment after its pid is told: until then a signal goes to the process alone, and once more to the
group, which may have come into being in between.

USR1 wakes a supervisor that waits for what was left, and is ignored before. The reader never outlives the supervisor.

Neither text holds a single quote, a backslash or a newline: any login shell, csh and fish among them,
takes it between single quotes as it is. `kill -TERM -PID` without `--` is what dash understands.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

GRACE_S = 10.0  # between TERM and KILL when the controller asks
NAME = "benchctl-supervisor"

BOOT = 'IFS= read -r job; exec </dev/null; eval "$(printf %b "$job")"'

_SUPERVISOR = """
boot=$1; shift; exec 3<&0 5>&1 6>&2 </dev/null 2>/dev/null; trap "" TERM;
{
  IFS= read -r mark <&3 || exit 125; IFS= read -r job <&3 || exit 125;
  { printf %s "$job"; echo; } | {
    trap - TERM; read -r group rest </proc/self/stat; echo $mark $group;
    exec setsid "$@" "$boot" >&5 2>&6 3<&- 5>&- 6>&-;
  };
  echo $?;
} | {
exec 4>&6 5>&- 6>&-;
signal_group() { kill -$1 -$group || { kill -$1 $group; kill -$1 -$group; }; };
lives() {
  kill -0 -$group || return 1;
  for file in /proc/[0-9]*/stat; do
    read -r line <$file || continue;
    set -- ${line##*) };
    if [ $3 = $group ] && [ $1 != Z ]; then return 0; fi;
  done;
  return 1;
};
end_group() {
  signal_group TERM; left=$1;
  while lives && [ $left -gt 0 ]; do sleep 0.1 || sleep 1; left=$((left-1)); done;
  signal_group KILL; kill -USR1 $main;
};
trap "" USR1; read -r main rest </proc/self/stat;
read -r mark group || exit 125;
{
  trap : TERM;
  while IFS= read -r word; do
    case $word in
      t) end_group 100 & ;;
      k) signal_group KILL; kill -USR1 $main ;;
    esac;
  done;
  end_group 50;
} <&3 >/dev/null 4>&- & reader=$! ;
exec 3<&-;
read -r status || { end_group 50; kill -KILL $$; };
trap : USR1;
if lives; then
  echo "$mark ended $status" >&4;
  { trap - TERM; while sleep 5 && kill -0 $main; do lives || kill -USR1 $main; done; } 4>&- >/dev/null </dev/null &
  while lives; do wait $reader; sleep 0.1 || sleep 1; done;
fi;
kill -TERM 0; kill -KILL $reader; exit $status;
}
"""


def one_line(script: str) -> str:
    """A script of ours, its commands ended by semicolons, without its line breaks."""
    return " ".join(line.strip() for line in script.strip().splitlines())


def supervisor_words(shell: str, token: str) -> list[str]:
    """The argument vector that supervises one job run by `shell` (such as `sh -c`).

    token: tells the supervisors of one context from those of others.
    """
    return ["sh", "-c", one_line(_SUPERVISOR), f"{NAME}-{token}", BOOT, *shlex.split(shell)]


def supervisor_command(shell: str, token: str) -> str:
    """The same as one line for the login shell of an SSH session."""
    return "exec " + " ".join(_single_quoted(word) for word in supervisor_words(shell, token))


def _single_quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w./=+-]+", word) else f"'{word}'"


def control_lines(mark: str, command: str, env: Mapping[str, str]) -> bytes:
    """What the control line carries first: the mark and the job, newlines and backslashes encoded."""
    job = f'unset job; echo "{mark} started $$" >&2; echo {mark}; {exports(env)}{command}'
    return f"{mark}\n{encoded(job)}\n".encode("utf-8", "surrogateescape")


def encoded(script: str) -> str:
    """A script as one line that `printf %b` turns back."""
    return script.replace("\\", "\\\\").replace("\n", "\\n")


def exports(env: Mapping[str, str]) -> str:
    """Shell text that sets these variables, to stand before a command on its first line: its line numbers stay."""
    words = [f"{name}={shlex.quote(value)}" for name, value in env.items()]
    return f"export {' '.join(words)}; " if words else ""
