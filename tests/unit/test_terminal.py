"""The terminal output for events of Snakemake."""

import logging
import os

import pytest

from seqloom.files.progress import last_progress, progress_line
from seqloom.report.terminal import Job, Terminal

SLURM = "SLURM-job '7' failed.For further error details see the cluster/cloud log."


@pytest.fixture
def terminal() -> Terminal:
    shown = Terminal(logging.Formatter(), dry_run=False)
    shown.total = 3
    return shown


def record(event: str | None, **values: object) -> logging.LogRecord:
    return logging.makeLogRecord({"event": event, "levelno": logging.INFO, **values})


def start(terminal: Terminal, log: str, local: bool = True, jobid: int = 5) -> None:
    wildcards = {"backend": "esm2", "shard": "0001-of-0002"}
    values = {"jobid": jobid, "rule_name": "embed_shard", "wildcards": wildcards, "log": [log]}
    assert not terminal.is_shown(record("job_info", local=local, **values))


@pytest.mark.parametrize("total", [900, None])
def test_a_progress_line_is_found_among_others(total):
    line = progress_line("embed esm2", 512, total, "sequences", 5)
    shown = line.removeprefix("embed esm2: ")
    assert last_progress(["embed esm2: 1 sequences, 1/s, 1s", line, "12:00:00 done"]) == shown
    assert last_progress(["error: a, 3/s: no", ""]) == ""


def test_a_finished_job_gives_one_line_with_its_rate(terminal, tmp_path):
    log = tmp_path / "x.log"
    log.write_text("loading\nembed esm2: 900/900 sequences (100%), 103/s, 9s\nwriting\n")
    start(terminal, str(log))
    line = terminal.format(record("job_finished", job_id=5))
    shown = (
        "1/3 embed_shard esm2 0001-of-0002: done in 0:00:00, 900/900 sequences (100%), 103/s, 9s"
    )
    assert line.endswith(shown)


def test_a_running_job_is_shown_again_after_progress(terminal, tmp_path):
    log = tmp_path / "x.log"
    start(terminal, str(log))
    assert terminal.running().endswith("0/3 embed_shard esm2 0001-of-0002: running")
    assert terminal.running() == ""
    log.write_text("embed esm2: 512/900 sequences (56%), 103/s, 4s left\n")
    assert terminal.running().endswith(": 512/900 sequences (56%), 103/s, 4s left")
    assert terminal.running() == ""
    terminal.format(record("job_finished", job_id=5))
    log.write_text("embed esm2: 900/900 sequences (100%), 103/s, 9s\n")
    assert terminal.running() == ""


def test_many_running_jobs_give_a_few_lines(terminal):
    terminal.jobs = {number: Job(f"train {number}", []) for number in range(64)}
    lines = terminal.running().splitlines()
    assert len(lines) == 9
    assert lines[-1] == "    and 56 more"


def test_the_log_of_an_earlier_run_is_not_read(terminal, tmp_path):
    log = tmp_path / "x.log"
    log.write_text("embed esm2: 512/900 sequences (56%), 103/s, 4s left\nerror: old\n")
    os.utime(log, (1e9, 1e9))
    start(terminal, str(log), local=False)
    assert terminal.running() == ""
    failed = record("job_error", jobid=5, rule_msg=SLURM, log=[str(log)])
    first, second, third = terminal.format(failed).splitlines()
    assert first.endswith("failed after 0:00:00, SLURM-job '7' failed.")
    assert (second, third) == ("    its log is empty", f"    log: {log}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("start\nerror: a.fa: bad; mend it\nexiting\n", "error: a.fa: bad; mend it"),
        ("Traceback (most recent call last):\n  File x\nKeyError: 3\n\n", "KeyError: 3"),
    ],
)
def test_a_failed_job_shows_its_error_exit_code_and_log(terminal, tmp_path, text, sentence):
    log = tmp_path / "x.log"
    start(terminal, str(log))
    log.write_text(text)
    command = "RuleException:\nCalledProcessError in file \"x.smk\", line 3:\nCommand 'a' "
    message = f"{command}returned non-zero exit status 137."
    assert not terminal.is_shown(record("error", msg=message, thread=1))
    failed = record("job_error", jobid=5, rule_msg=None, log=[str(log)], thread=1)
    first, second, third = terminal.format(failed).splitlines()
    assert first.endswith("failed after 0:00:00, returned non-zero exit status 137")
    assert (second, third) == (f"    {sentence}", f"    log: {log}")


def test_a_job_that_slurm_stopped_shows_why(terminal, tmp_path):
    logs = [tmp_path / "x.log", tmp_path / "7.log"]
    start(terminal, str(logs[0]))
    logs[0].write_text("12:00:00 leased GPU 0\n")
    said = "slurmstepd-n1: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-25 DUE TO TIME LIMIT ***"
    logs[1].write_text("\n".join([said, "Error in rule embed_shard:", "    input: a" * 1000, ""]))
    failed = record("job_error", jobid=5, rule_msg=SLURM, log=list(map(str, logs)), thread=1)
    assert terminal.format(failed).splitlines()[1] == f"    {said}"


def test_a_failed_submission_shows_the_job_with_the_error(terminal, tmp_path):
    logs = {number: str(tmp_path / f"{number}.log") for number in (5, 6, 7)}
    for number, log in logs.items():
        start(terminal, log, jobid=number)
    (tmp_path / "5.log").write_text("ok: 3 contigs\n")
    (tmp_path / "6.log").write_text("error: a.fa: bad; mend it\n")
    members = [{"jobid": number, "log": [log]} for number, log in logs.items()]
    failed = record("group_error", job_error_info=members, aux_logs=["slurm.log"])
    first, second, third = terminal.format(failed).splitlines()
    assert first.endswith("failed after 0:00:00")
    assert (second, third) == ("    error: a.fa: bad; mend it", f"    log: {logs[6]}, slurm.log")
    assert not terminal.is_shown(record("job_error", jobid=5, indent=True))
    end = terminal.format(record(None, msg="Exiting because a job execution failed."))
    assert end.startswith("1 of ")


def test_job_numbers_are_shown_with_job_names(terminal):
    start(terminal, "x.log", local=False)
    submitted = "Job 5 has been submitted with SLURM jobid 7 (log: y.log)."
    name = "(embed_shard esm2 0001-of-0002)"
    assert terminal.format(record(None, msg=submitted)) == submitted.replace("5", f"5 {name}", 1)
    for uuid in ("5e929f2a-6afb", "5-6afb"):
        several = submitted.replace("5", uuid, 1)
        assert terminal.format(record(None, msg=several)) == several
    assert terminal.format(record(None, msg="Trying to restart job 5.")).endswith(f"5 {name}.")
    other = "Job 6 is of someone else"
    assert terminal.format(record(None, msg=other)) == other


def test_other_errors_are_unchanged(terminal):
    for event in (None, "error"):
        error = record(event, msg="MissingOutputException in rule x")
        assert terminal.is_shown(error)
        assert terminal.format(error) == "MissingOutputException in rule x"
