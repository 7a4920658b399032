"""What is read of a host's noise, what of it is kept, and when it counts as a disturbance."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace

import pytest

from benchctl.hosts.course import Course
from benchctl.hosts.noise import QUESTION, QUESTION_FOR_PROCESSES, Reading, between, reading
from benchctl.hosts.processes import Belonging, Crowd, Process, spent
from benchctl.runs.noise import disturbances, load_before, remarks, told_of_run
from benchctl.runs.record import TrialRecord

CPU = "/sys/devices/system/cpu"
BEFORE = f"""\
/proc/loadavg:0.52 0.58 0.59 3/467 12345
/proc/pressure/memory:some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000
/proc/pressure/memory:full avg10=0.00 avg60=0.00 avg300=0.00 total=500000
/sys/fs/cgroup/cpu.stat:usage_usec 100
/sys/fs/cgroup/cpu.stat:throttled_usec 250000
/sys/kernel/mm/transparent_hugepage/enabled:always [madvise] never
{CPU}/intel_pstate/no_turbo:1
{CPU}/cpufreq/policy0/scaling_governor:powersave
{CPU}/cpufreq/policy1/scaling_governor:performance
{CPU}/cpufreq/policy0/scaling_min_freq:800000
{CPU}/cpufreq/policy1/scaling_min_freq:1000000
{CPU}/cpufreq/policy0/scaling_max_freq:3400000
{CPU}/cpu0/thermal_throttle/core_throttle_count:3
{CPU}/cpu1/thermal_throttle/core_throttle_count:4
{CPU}/cpu0/thermal_throttle/package_throttle_count:9
{CPU}/cpu1/thermal_throttle/package_throttle_count:9
/proc/stat:cpu  100 0 50 1000 10 5 5 30 7 0
/proc/stat:procs_running 2
/proc/vmstat:pswpin 10
/proc/vmstat:pswpout 20
/proc/vmstat:oom_kill 0
"""
AFTER = f"""\
/proc/loadavg:0.80 0.58 0.59 3/467 12345
/proc/pressure/memory:some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000
/proc/pressure/memory:full avg10=0.00 avg60=0.00 avg300=0.00 total=500000
/sys/fs/cgroup/cpu.stat:throttled_usec 750000
{CPU}/cpufreq/policy0/scaling_governor:powersave
{CPU}/cpu0/thermal_throttle/core_throttle_count:3
{CPU}/cpu1/thermal_throttle/core_throttle_count:6
{CPU}/cpu0/thermal_throttle/package_throttle_count:10
/proc/stat:cpu  700 0 100 1200 20 10 15 55 7 0
/proc/stat:procs_running 1
/proc/vmstat:pswpin 1010
/proc/vmstat:pswpout 20
/proc/vmstat:oom_kill 1
"""


def test_a_trial_keeps_shares_differences_and_settings_with_their_units() -> None:
    assert between(reading(BEFORE), reading(AFTER)) == {
        "before": {"load_1min": 0.52, "runnable": 2},
        "cpu_busy_share": 0.738889,
        "cpu_iowait_share": 0.011111,
        "cpu_steal_share": 0.027778,
        "cpu_steal_s": 0.25,
        "pressure_memory_some_s": 0.5,
        "pressure_memory_full_s": 0.0,
        "quota_throttled_s": 0.5,
        "swapped_in_pages": 1000,
        "swapped_out_pages": 0,
        "oom_kills": 1,
        "throttled_core": 2,
        "throttled_package": 1,
        "settings": {"governors": ["powersave"]},
    }
    assert reading(BEFORE).settings == {
        "governors": ["performance", "powersave"],
        "frequency_min_khz": 800000,
        "frequency_max_khz": 3400000,
        "turbo": False,
        "transparent_hugepages": "madvise",
    }


def test_each_threshold_gives_its_words() -> None:
    assert list(disturbances(between(reading(BEFORE), reading(AFTER)), 10.0)) == [
        "2.8% of the CPU time was stolen by the hypervisor",
        "1,000 pages were swapped in",
        "the CPU was throttled for its heat (2 times)",
        "a CPU quota held processes back for 0.5 s",
        "the kernel killed for want of memory (1 times)",
    ]


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"cpu_steal_share": 0.01, "cpu_steal_s": 9.0},
        {"cpu_steal_share": 0.2, "cpu_steal_s": 0.05},
        {"swapped_in_pages": 256},
        {"throttled_core": 0},
        {"quota_throttled_s": 0.1},
    ],
)
def test_what_keeps_to_a_threshold_disturbs_nothing(found: dict[str, object]) -> None:
    assert list(disturbances(found, 10.0)) == []


def test_load_counts_by_core_and_governors_are_remarked_on() -> None:
    found = between(reading(BEFORE), reading(BEFORE))
    assert load_before(found, 2) == "the load was 0.52 on 2 cores before it began"
    assert load_before(found, 4) is None
    assert load_before(found, None) is None
    told = "the CPU frequency governor is performance and powersave, not performance: frequencies follow the load"
    assert list(remarks(found)) == [told]
    assert list(remarks({"settings": {"governors": ["performance"]}})) == []


def test_counters_that_went_back_and_lines_without_sense_are_left_out() -> None:
    assert between(reading(AFTER), reading(BEFORE)) == {
        "before": {"load_1min": 0.8, "runnable": 1},
        "pressure_memory_full_s": 0.0,
        "swapped_out_pages": 0,
        "settings": dict(reading(BEFORE).settings),
    }
    odd = reading("nonsense\n/proc/loadavg:\n/proc/stat:cpu x\n/proc/pressure/io:some total=\n")
    assert (odd.counters, odd.now, odd.settings) == ({}, {}, {})


def test_a_run_names_the_first_of_its_disturbed_trials() -> None:
    def trial(directory: str, *disturbances: str) -> TrialRecord:
        return TrialRecord(directory=directory, disturbances=disturbances)

    quiet = [trial("trials/q01"), trial("trials/q02")]
    assert told_of_run(quiet) is None
    assert told_of_run([trial(".", "db: a")]) == "the trial was disturbed: db: a"
    told = "1 of 3 trials was disturbed: wal-01 (db: a; db: b)"
    assert told_of_run([*quiet, trial("trials/wal-01", "db: a", "db: b")]) == told
    many = [trial(f"trials/{number:02d}", "x") for number in range(7)]
    told = "7 of 9 trials were disturbed: 00 (x), 01 (x), 02 (x), 03 (x), 04 (x) and 2 more"
    assert told_of_run([*many, *quiet]) == told


@pytest.mark.parametrize("question", [QUESTION, QUESTION_FOR_PROCESSES])
def test_this_machine_answers_in_one_question(question: str) -> None:
    done = subprocess.run(["sh", "-c", question], capture_output=True, text=True, timeout=30)
    found = reading(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"ticks_user", "ticks_idle", "ticks_steal", "swapped_in_pages", "oom_kills"} <= found.counters.keys()
    assert found.now.keys() == {"load_1min", "runnable"}
    if question == QUESTION:
        assert found.crowd is None
    else:
        assert found.crowd
        assert found.crowd.asker == os.getpid()
        assert found.crowd.processes[os.getpid()].parent == os.getppid()


# In the course of a trial

ENDS = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"]


def looked(seconds: float, *, steal: float = 0.0, settings: dict[str, object] | None = None, **more: float) -> Reading:
    """A host with one core, so many seconds after its boot."""
    ticks = dict.fromkeys((f"ticks_{name}" for name in ENDS), 0.0)
    counters = {**ticks, "ticks_idle": 100 * (seconds - steal), "ticks_steal": 100 * steal, **more}
    return Reading(counters, {"runnable": 1}, settings or {})


def test_a_burst_is_told_with_its_time_though_the_mean_hides_it() -> None:
    course = Course(looked(100), Belonging())
    for second in range(105, 200, 5):
        course.sample(looked(second, steal=0.5 if second > 120 else 0.0), second - 100.0)
    found = course.end(looked(200, steal=0.5), 100.0)
    assert (found["cpu_steal_share"], found["during"]["looks"]) == (0.005, 19)
    assert found["during"]["worst"]["cpu_steal_share"] == {"max": 0.1, "from_s": 20.0, "to_s": 25.0}
    said = ["10.0% of the CPU time was stolen by the hypervisor between 20 and 25 s"]
    assert list(disturbances(found, 100.0)) == said


def test_a_quota_that_held_back_for_a_moment_is_told() -> None:
    course = Course(looked(0, quota_throttled_s=0), Belonging())
    for second in range(10, 100, 10):
        course.sample(looked(second, quota_throttled_s=0.0 if second < 50 else 0.8), second)
    found = course.end(looked(100, quota_throttled_s=0.8), 100.0)
    told = ["a CPU quota held processes back for 8.0% of the time between 40 and 50 s"]
    assert list(disturbances(found, 100.0)) == told


def test_a_time_too_short_for_the_kernels_ticks_is_not_judged() -> None:
    course = Course(looked(100), Belonging())
    course.sample(looked(110), 10.0)
    found = course.end(looked(110.1, steal=0.1), 10.1)
    assert found["during"]["worst"].get("cpu_steal_share") is None
    assert list(disturbances(found, 10.1)) == []


def test_settings_that_changed_are_told_also_when_they_are_back_at_the_end() -> None:
    first: dict[str, object] = {"governors": ["performance"], "frequency_max_khz": 3_400_000, "turbo": True}
    course = Course(looked(0, settings=first), Belonging())
    course.sample(looked(5, settings={"governors": ["powersave"], "frequency_max_khz": 2_000_000, "turbo": False}), 5)
    found = course.end(looked(9, settings=first), 9.0)
    assert found["settings_changed"] == {
        "governors": [["performance"], ["powersave"]],
        "frequency_max_khz": [3_400_000, 2_000_000],
        "turbo": [True, False],
    }
    assert list(disturbances(found, 9.0)) == [
        "the CPU frequency governor changed from performance to powersave",
        "the upper limit of the CPU frequency changed from 3,400 MHz to 2,000 MHz",
        "turbo changed from on to off",
    ]


def test_what_is_kept_of_a_trial_does_not_grow_with_its_looks() -> None:
    sizes = []
    for looks in (50, 500):
        course = Course(with_processes(looked(0), busy={}), Belonging())
        for look in range(1, looks):
            ticks = {f"command-{number}": look * 20 for number in range(look, look + 5)}
            course.sample(with_processes(looked(look * 5.0), busy=ticks), look * 5.0)
        sizes.append(len(json.dumps(course.end(with_processes(looked(looks * 5.0), busy={}), looks * 5.0))))
    assert sizes[1] - sizes[0] < 60  # longer numbers and names


def with_processes(look: Reading, busy: dict[str, int]) -> Reading:
    """The same with a process for each of these commands, begun by another user's shell."""
    asker = Process(100, "sshd", 1, 100, 0, 0, 1)
    others = [Process(1000 + n, name, 7, 7, ticks, 0, 1000 + n) for n, (name, ticks) in enumerate(busy.items())]
    return replace(look, crowd=Crowd({one.pid: one for one in (asker, *others)}, 100))


# Whose CPU time it was

INIT = Process(1, "init", 0, 1, 50, 900, 0)
KERNEL = Process(5, "kworker/0:1", 2, 0, 400, 0, 1)
ASKER = Process(100, "sshd", 90, 100, 10, 20, 5)
SHELL = Process(110, "sh", 100, 110, 5, 5, 6)
OTHER = Process(500, "make", 400, 400, 10, 100, 7)


def crowd(*processes: Process) -> Crowd:
    return Crowd({process.pid: process for process in (INIT, KERNEL, ASKER, *processes)}, ASKER.pid)


def used(before: Crowd, after: Crowd, belonging: Belonging | None = None) -> dict[str, tuple[int, int]]:
    """By command the ticks that others used themselves, and by children that ended."""
    belonging = belonging or Belonging()
    belonging.own(before)
    return {one.process.command: (one.ticks, one.ended) for one in spent(before, after, belonging.own(after))}


def test_own_processes_and_the_kernels_are_nobody_elses() -> None:
    stage = Process(120, "sysbench", 110, 120, 0, 0, 8)
    later = [one._replace(ticks=one.ticks + 300) for one in (ASKER, SHELL, stage, KERNEL)]
    assert used(crowd(SHELL), crowd(*later)) == {}
    orphan = stage._replace(parent=1, ticks=700)
    assert used(crowd(SHELL, stage), crowd(SHELL, orphan)) == {}


def test_what_is_called_by_a_name_of_the_benchmark_is_its_own_with_what_it_started() -> None:
    service = Process(300, "containerd-shim-runc-v2"[:15], 1, 300, 0, 0, 3)
    server = Process(301, "postgres", 300, 301, 0, 0, 4)
    later = [service._replace(ticks=10), server._replace(ticks=90)]
    assert used(crowd(service, server), crowd(*later)) == {"containerd-shim": (10, 0), "postgres": (90, 0)}
    assert used(crowd(service, server), crowd(*later), Belonging(["containerd-shim-runc-v2"])) == {}


def test_a_marked_process_and_whoever_started_it_are_own() -> None:
    second = Process(200, "sshd", 90, 200, 0, 0, 9)
    stage, sibling = Process(201, "fio", 200, 201, 0, 0, 10), Process(202, "dd", 200, 202, 50, 0, 11)
    belonging = Belonging()
    belonging.claim(stage, crowd(second, stage))
    after = crowd(second, stage._replace(ticks=60), sibling)
    assert used(crowd(second, stage), after, belonging) == {}
    daemon = Process(203, "redis", 1, 203, 0, 0, 12)
    belonging.claim(daemon, crowd(daemon))
    assert used(crowd(daemon, OTHER), crowd(daemon, OTHER._replace(ticks=40)), belonging) == {"make": (30, 0)}


def test_children_that_ended_are_counted_once_with_whoever_waited_for_them() -> None:
    compiler = Process(501, "cc1", 500, 400, 70, 0, 13)
    part = Process(502, "as", 501, 400, 8, 0, 14)
    after = crowd(OTHER._replace(ticks=12, reaped=100 + 90))
    assert used(crowd(OTHER, compiler, part), after) == {"make": (2, 12)}
    assert used(crowd(OTHER), after) == {"make": (2, 90)}


def test_those_who_take_in_orphans_and_ssh_servers_are_not_asked_for_children() -> None:
    master = Process(90, "sshd", 1, 90, 0, 10, 2)
    before, after = crowd(master), crowd(master._replace(reaped=500), INIT._replace(reaped=5000))
    assert used(before, after) == {}


def test_a_process_is_known_by_its_number_and_when_it_began() -> None:
    again = OTHER._replace(began=900, ticks=30, reaped=0)
    assert used(crowd(OTHER), crowd(again)) == {"make": (30, 0)}


def test_load_of_others_is_told_over_the_trial_or_as_a_burst() -> None:
    course = Course(with_processes(looked(0), busy={"cron": 0}), Belonging())
    course.sample(with_processes(looked(5), busy={"cron": 0}), 5.0)
    course.sample(with_processes(looked(10), busy={"cron": 30}), 10.0)
    found = course.end(with_processes(looked(100), busy={"cron": 30}), 100.0)
    assert found["during"] == {
        "looks": 2,
        "cpu_others_share": 0.003,
        "cpu_others_s": 0.3,
        "others": {"cron": 0.3},
        "worst": {
            "runnable": {"max": 1, "from_s": 5.0, "to_s": 5.0},
            "cpu_others_share": {"max": 0.06, "from_s": 5.0, "to_s": 10.0, "cpu_s": 0.3, "commands": {"cron": 0.3}},
        },
    }
    assert list(disturbances(found, 100.0)) == [
        "other processes used 6.0% of the CPU time between 5 and 10 s (cron 0.3 s)"
    ]
    found["during"] |= {"cpu_others_share": 0.031, "cpu_others_s": 3.1}
    assert list(disturbances(found, 100.0)) == ["other processes used 3.1% of the CPU time (cron 0.3 s)"]
