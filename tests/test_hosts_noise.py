"""What is read of a host's noise, what of it is kept, and when it counts as a disturbance."""

from __future__ import annotations

import subprocess

import pytest

from benchctl.hosts.noise import QUESTION, between, reading
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


def test_this_machine_answers_in_one_question() -> None:
    done = subprocess.run(["sh", "-c", QUESTION], capture_output=True, text=True, timeout=30)
    found = reading(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"ticks_user", "ticks_idle", "ticks_steal"} <= found.counters.keys()
    assert found.now.keys() == {"load_1min", "runnable"}
