"""On a real Slurm: docs/first_cluster_run.md word by word, while all goes wrong that can."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
from local_slurm import running_slurm, why_not
from projects import REPOSITORY, SAMPLES, Project, job_counts

PAGE = REPOSITORY / "docs/first_cluster_run.md"
# What the user types into the editor. This site has no accounting; Snakemake asks it
# for news more often than others. The names of the partitions are those of the profile.
EDITOR = """\
#!/bin/sh
sed -i 's/^latency-wait: .*/latency-wait: 10/; s/my_large_model/demo_prot_t5/' "$1"
cat >> "$1" << END
slurm-status-command: squeue
slurm-init-seconds-before-status-checks: 1
seconds-between-status-checks: 2
END
"""


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of its users."""
    if reason := why_not():
        pytest.skip(reason)
    with running_slurm(tmp_path_factory.mktemp("slurm") / "slurm") as environment:
        yield environment


class Site:
    """A project on the disk of a cluster, as its user sees it on the login node."""

    def __init__(self, project: Project, environment: dict[str, str]) -> None:
        self.folder, self.faults = project.folder, project.folder / "faults"
        # As after `activate`.
        path = f"{Path(sys.executable).parent}:{environment['PATH']}"
        self.environment = environment | {"PATH": path, "EDITOR": "./editor", "SEQLOOM_GPUS": "0,1"}
        for name in ("taken", "waiting", "devices", "shared"):
            (self.faults / name).mkdir(parents=True)
        (self.folder / "editor").write_text(EDITOR)
        (self.folder / "editor").chmod(0o755)
        scripts = self.folder / "workflow/scripts"
        (scripts / "embed.py").rename(scripts / "embed_itself.py")
        shutil.copy(Path(__file__).with_name("embed_with_faults.py"), scripts / "embed.py")

    def shell(self, command: str) -> str:
        done = self._start(["bash", "-c", command], subprocess.PIPE)
        output, _ = done.communicate()
        assert done.returncode == 0, f"{command}\n{output}"
        return output

    @contextmanager
    def running(self, command: str) -> Iterator["Run"]:
        # A shell in the background ignores SIGINT, which its children inherit; the kernel ends the
        # run with the test, however that ends.
        words = ["env", "--default-signal=INT", "setpriv", "--pdeathsig", "KILL", *command.split()]
        with open(self.folder / "output", "w") as output:
            process = self._start(words, output)
        try:
            yield Run(process, self.folder)
        finally:
            process.kill()
            process.wait()

    def _start(self, words: list[str], output) -> subprocess.Popen:
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def will_fail_by(self, *faults: str) -> None:
        for number, name in enumerate(faults):
            (self.faults / f"{number}-{name}").touch()

    def shards_by_fault(self) -> dict[str, str]:
        notes = [file.read_text().split() for file in (self.faults / "taken").glob("results_*")]
        return {fault: matrix for fault, _, matrix in notes}

    def devices_in_use(self) -> list[str]:
        return sorted(file.name for file in (self.faults / "devices").iterdir() if is_locked(file))

    def jobs(self) -> dict[str, list[dict[str, str]]]:
        """What Slurm knows of the submissions of this project, by rule and wildcards."""
        jobs = defaultdict(list)
        for block in self.shell("scontrol show job").split("\n\n"):
            job = dict(re.findall(r"(\w+)=(\S*)", block))
            if job.get("WorkDir") == str(self.folder) and job["Partition"] != "urgent":
                jobs[job["Comment"]].append(job)
        return jobs


class Run:
    """A run of Snakemake."""

    def __init__(self, process: subprocess.Popen, folder: Path) -> None:
        self.process, self.folder = process, folder

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 600
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, self.output()
            time.sleep(0.2)

    def wait_for_job(self, fault: str) -> str:
        """The number of the job that has embedded its first rows and waits for its fault."""
        waiting = self.folder / "faults/waiting" / fault
        self.wait_until(lambda: waiting.exists() and waiting.read_text())
        return waiting.read_text()

    def let_job_go_on(self, fault: str) -> None:
        (self.folder / "faults/waiting" / fault).write_text("")

    def end(self) -> int:
        return self.process.wait(600)


def log_of(matrix: str) -> str:
    return re.sub("^results/embeddings(.*).safetensors", r"logs/embed\1.log", matrix)


def comment_of(matrix: str) -> str:
    """What the executor calls the job in Slurm."""
    wildcards = Path(matrix).with_suffix("").parts[2:]
    return "_".join(["rule_embed_shard_wildcards", *wildcards])


def is_locked(file: Path) -> bool:
    with open(file) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def kill_controller(site: Site) -> None:
    """kill -9; it is started again after some seconds, in which Slurm does not answer."""
    config = site.shell("scontrol show config")
    file = Path(re.search(r"SlurmctldPidFile *= (.*)", config)[1])
    old = file.read_text()
    os.kill(int(old), signal.SIGKILL)
    assert (
        "UP"
        not in subprocess.run(
            ["scontrol", "ping"], env=site.environment, capture_output=True, text=True
        ).stdout
    )
    while file.read_text() in ("", old):
        time.sleep(0.2)


def test_the_first_run_of_the_page_is_that_of_one_machine_whatever_happens(fresh, finished, slurm):
    site = Site(fresh, slurm)
    # The demo of the page is the smaller one of the tests.
    shutil.copy(fresh.folder / "config.yaml", fresh.folder / "config/demo.yaml")
    commands = re.findall(r"^    (.+)$", PAGE.read_text(), re.MULTILINE)
    activate, sinfo, copy, edit, plan, run, squeue, tail, left, logs, used = commands
    assert activate == "source .venv/bin/activate"
    assert "gpu gpu:a6000:2" in site.shell(sinfo)
    site.shell(copy)
    site.shell(edit)
    assert job_counts(site.shell(plan))["embed_shard"] == 8

    site.will_fail_by("interrupt")
    with site.running(run) as snakemake:
        job = snakemake.wait_for_job("interrupt")
        assert re.search(rf"^{job} RUNNING gpu None rule_embed_shard", site.shell(squeue), re.M)
        assert "self-test" in site.shell(tail)
        snakemake.process.send_signal(signal.SIGINT)
        assert snakemake.end() == 1
    while len(site.shell(left).splitlines()) > 1:
        time.sleep(0.5)

    site.will_fail_by("fail", "memory", "preempt_a", "preempt_b", "cancel", "restart", "node")
    with site.running(run) as snakemake:
        preempted = [snakemake.wait_for_job(fault) for fault in ("preempt_a", "preempt_b")]
        assert site.devices_in_use() == ["a6000-01-0", "a6000-01-1"]
        site.shell("sbatch --wait --partition urgent --gpus=2 --output=urgent.out --wrap true")
        canceled = snakemake.wait_for_job("cancel")
        site.shell(f"scancel {canceled}")
        snakemake.wait_for_job("restart")
        kill_controller(site)
        snakemake.let_job_go_on("restart")
        lost = snakemake.wait_for_job("node")
        site.shell("scontrol update nodename=a6000-01 state=down reason=test")
        time.sleep(8)
        site.shell("scontrol update nodename=a6000-01 state=resume")
        assert snakemake.end() == 0, snakemake.output()
        output = snakemake.output()

    found, expected = fresh.results(), finished.results()
    assert "predictions/long/query/contigs.tsv" in found
    assert [path for path in found if found[path] != expected.get(path)] == []
    assert not any((site.faults / "shared").iterdir())
    jobs = site.jobs()
    for name, attempts in jobs.items():
        asked = {(job["Partition"], job.get("TresPerJob")) for job in attempts}
        on_a_gpu = name.startswith("rule_embed_shard")
        assert asked == {("gpu", "gres:gpu:a6000:1") if on_a_gpu else ("cpu", None)}, name
    each = chain.from_iterable(jobs.values())
    state = {job["JobId"]: (job["JobState"], job["Restarts"]) for job in each}
    # Not in Slurm's books if its controller died before it wrote that down.
    assert state[canceled] in (("CANCELLED", "0"), ("FAILED", "0"))
    for requeued in (*preempted, lost):
        assert state[requeued] == ("COMPLETED", "1")
    shards = site.shards_by_fault()
    for fault in ("interrupt", "preempt_a", "preempt_b", "cancel", "node"):
        assert "going on after" in (fresh.folder / log_of(shards[fault])).read_text(), fault
    *_, less, more = [int(job["MinMemoryNode"][:-1]) for job in jobs[comment_of(shards["memory"])]]
    assert more in (2 * less - 1, 2 * less)  # each is rounded up
    *_, failed, _ = jobs[comment_of(shards["fail"])]
    slurm_log = failed["StdOut"]
    assert (
        f"    error: this shard fails once\n    log: {log_of(shards['fail'])}, {slurm_log}"
        in output
    )
    assert os.path.relpath(slurm_log, fresh.folder) in site.shell(logs)
    assert "max_rss" in site.shell(used)


def test_on_a_site_of_two_kinds_jobs_run_where_they_fit(copy, finished, slurm):
    """DNA on whatever GPU is free, proteins with a model that only one kind can hold."""
    site = Site(copy, slurm)
    copy.configure(protein_backends=["demo_prot_t5"])
    header, *rows = SAMPLES.splitlines()
    rows = [f"{row}\tdna" for row in rows] + [
        "\t".join(["set", "p.faa", *[""] * 6, "3045", "protein"])
    ]
    (copy.folder / "samples.tsv").write_text("\n".join([f"{header}\tmolecule", *rows, ""]))
    proteins = [f">p{i}\n{'MKVLAAGITGST'[:i]}{'WQDE' * 75}\n" for i in range(10)]
    (copy.folder / "p.faa").write_text("".join(proteins))
    shutil.rmtree(copy.folder / "results/embeddings/demo_dnabert_s/w300")
    site.shell("./editor profiles/slurm-mixed/profile.yaml")
    run = "snakemake embed --profile profiles/slurm-mixed --configfile config.yaml"
    with site.running(run) as snakemake:
        assert snakemake.end() == 0, snakemake.output()

    jobs = {name: job for name, [job] in site.jobs().items() if "rule_embed" in name}
    nodes = {
        model: {job["NodeList"] for name, job in jobs.items() if model in name}
        for model in ("demo_prot_t5", "demo_dnabert_s")
    }
    assert len(jobs) == 5
    assert nodes["demo_prot_t5"] == {"spark-01"}
    assert "a6000-01" in nodes["demo_dnabert_s"]
    assert not any((site.faults / "shared").iterdir())
    found, expected = copy.results(), finished.results()
    assert [path for path in expected if found.get(path) != expected[path]] == []
