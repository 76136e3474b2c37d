"""Jobs on nodes without a scheduler: two sshd on this machine are the nodes."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import Project

SCRIPT = Path(__file__).parents[2] / "workflow/scripts/ssh_jobs.py"
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
NODES = {"spark-01": "a", "spark-02": "b"}  # each with the name of its GPU

pytestmark = pytest.mark.skipif(SSHD is None, reason="needs sshd (openssh-server)")


@dataclass
class Cluster:
    """Two nodes, and a folder in which jobs are submitted."""

    ssh: str
    servers: dict[str, subprocess.Popen]
    folder: Path

    def command(self, *words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(SCRIPT), *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True)

    def submit(self, script: str, *options: str, name: str = "job") -> str:
        path = self.folder / f"{name}.sh"
        path.write_text(f"cd {self.folder}\n{script}\n")
        done = self.command(
            "submit", "--ssh", self.ssh, *options, "--nodes", *NODES, "--", str(path)
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def status(self, job: str) -> str:
        done = self.command("status", "--lost-after", "4", job)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def end(self, job: str) -> str:
        """The status of a job when it runs no more."""
        wait_for(lambda: self.status(job) != "running")
        return self.status(job)


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def runs(process: int) -> bool:
    """Whether a process exists and is more than an entry that nobody has asked for."""
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    Path("/run/sshd").mkdir(exist_ok=True)  # sshd of root wants it
    keys = tmp_path / "keys"
    keys.mkdir()
    for key in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / key], check=True
        )
    config, servers = "", {}
    for node, gpu in NODES.items():
        port = free_port()
        # What differs between machines: their GPUs and their locks.
        environment = f"SEQLOOM_GPUS={gpu} SEQLOOM_LEASES={tmp_path / node}"
        (tmp_path / f"{node}.conf").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {keys / 'host'}\nPidFile none\n"
            f"AuthorizedKeysFile {keys / 'user.pub'}\nStrictModes no\nSetEnv {environment}\n"
        )
        config += (
            f"Host {node}\n HostName 127.0.0.1\n Port {port}\n IdentityFile {keys / 'user'}\n"
            f" UserKnownHostsFile /dev/null\n StrictHostKeyChecking no\n LogLevel ERROR\n"
        )
        command = [SSHD, "-D", "-f", tmp_path / f"{node}.conf", "-E", tmp_path / f"{node}.log"]
        servers[node] = subprocess.Popen(command)
    (tmp_path / "ssh_config").write_text(config)
    folder = tmp_path / "work"
    folder.mkdir()
    cluster = Cluster(f"ssh -F {tmp_path / 'ssh_config'}", servers, folder)
    for node in NODES:
        wait_for(lambda node=node: answers(cluster, node))
    yield cluster
    for server in servers.values():
        server.terminate()
        server.wait()


def answers(cluster: Cluster, node: str) -> bool:
    return subprocess.run([*cluster.ssh.split(), node, "true"]).returncode == 0


def test_the_end_of_a_job_is_its_status_and_its_output_is_kept(cluster):
    good = cluster.submit("until [ -e go ]; do sleep 0.1; done; echo hello")
    bad = cluster.submit("exit 3")
    (cluster.folder / "go").touch()
    assert (cluster.end(good), cluster.end(bad)) == ("success", "failed")
    finished = cluster.folder / ".snakemake/ssh_jobs/finished"
    assert (finished / good / "log").read_text() == "hello\n"
    assert (finished / bad / "exit").read_text() == "3"
    # The second went to the other node, while the first ran.
    assert {job.rsplit("-", 1)[0] for job in (good, bad)} == set(NODES)


def test_a_node_runs_as_many_jobs_at_once_as_it_has_slots(cluster):
    alone = "mkdir held_$SEQLOOM_GPUS || exit 1; sleep 1; rmdir held_$SEQLOOM_GPUS"
    jobs = [cluster.submit(alone, "--slots", "1") for _ in range(4)]
    assert [cluster.end(job) for job in jobs] == ["success"] * 4


def test_jobs_outlive_the_connection_and_cancel_ends_all_their_processes(cluster):
    job = cluster.submit("sleep 1000 & setsid sh -c 'echo $$ > inner; sleep 1000' & wait")
    wait_for((cluster.folder / "inner").exists)
    assert cluster.status(job) == "running"
    wait_for((cluster.folder / "inner").read_text)
    inner = int((cluster.folder / "inner").read_text())
    assert runs(inner)
    cancelled = subprocess.run([SCRIPT.with_name("ssh_cancel"), job], cwd=cluster.folder)
    assert cancelled.returncode == 0
    assert cluster.end(job) == "failed"
    assert not runs(inner)


def test_a_job_whose_keeper_is_gone_has_failed_and_what_is_left_of_it_is_ended(cluster):
    job = cluster.submit("echo $$ $PPID > processes; sleep 1000")
    wait_for(
        lambda: (
            (cluster.folder / "processes").exists() and (cluster.folder / "processes").read_text()
        )
    )
    script, keeper = map(int, (cluster.folder / "processes").read_text().split())
    os.kill(keeper, signal.SIGKILL)
    assert cluster.status(job) == "running", "no news for a moment means nothing"
    assert cluster.end(job) == "failed"
    assert not runs(script)


END_ORPHANS = "from seqloom.machine.ssh_jobs import end_orphans; end_orphans(print)"


def test_the_next_run_ends_jobs_of_a_killed_one_and_none_that_was_started_by_hand(cluster):
    (cluster.folder / ".snakemake/tmp.1").mkdir(parents=True)
    orphan = cluster.submit("sleep 1000", name=".snakemake/tmp.1/job")
    by_hand = cluster.submit("sleep 1000")
    said = subprocess.run(
        [sys.executable, "-c", END_ORPHANS],
        cwd=cluster.folder,
        env=os.environ | {"PYTHONPATH": str(SCRIPT.parent)},
        capture_output=True,
        text=True,
    )
    assert said.stdout == f"ending jobs of an earlier run, which was killed: {orphan}\n", (
        said.stderr
    )
    assert cluster.status(orphan) == "failed"
    assert cluster.status(by_hand) == "running"
    cluster.command("cancel", by_hand)
    assert cluster.end(by_hand) == "failed"


def test_a_node_that_does_not_answer_is_passed_over(cluster):
    cluster.servers["spark-01"].terminate()
    cluster.servers["spark-01"].wait()
    jobs = [cluster.submit("true") for _ in range(2)]
    assert [job.rsplit("-", 1)[0] for job in jobs] == ["spark-02"] * 2
    assert [cluster.end(job) for job in jobs] == ["success"] * 2
    cluster.servers["spark-02"].terminate()
    cluster.servers["spark-02"].wait()
    options = ["--ssh", cluster.ssh, "--nodes", *NODES, "--", "job.sh"]
    done = cluster.command("submit", *options)
    assert done.returncode == 1
    assert "error: none of spark-01, spark-02 answers; try" in done.stderr


# Stands before embed.py, with its lease: holds its device and its output, which nobody else may
# hold meanwhile, and goes on when the test says so.
HOLD = """\
#!/usr/bin/env bash
set -e
output=${@: -1}
locks="held_$CUDA_VISIBLE_DEVICES copy_of_${output//\\//-}"
mkdir $locks
trap "rmdir $locks" EXIT
echo "$output" >> "used_$CUDA_VISIBLE_DEVICES"
until [ -e go ]; do sleep 0.1; done
embed_itself.py "$@"
"""


def lines(files: list[Path]) -> list[str]:
    return [line for file in files for line in file.read_text().splitlines()]


def start(project: Project) -> subprocess.Popen:
    command = project.command("predict", "--seconds-between-status-checks", "1")
    command = [word.replace("profiles/ci", "profiles/dgx-spark-ssh") for word in command]
    with (project.folder / "output").open("a") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],  # it ends with the tests
            cwd=project.folder,
            start_new_session=True,
            stdout=output,
            stderr=output,
        )


@pytest.fixture
def project(fresh: Project) -> Iterator[Project]:
    """A project whose jobs end with the test, however that ends: without their folders."""
    yield fresh
    shutil.rmtree(fresh.folder / ".snakemake/ssh_jobs/running", ignore_errors=True)


def test_a_run_on_two_nodes_survives_kill_9_and_equals_a_local_run(cluster, project, finished):
    profile = project.folder / "profiles/dgx-spark-ssh/profile.yaml"
    profile.write_text(
        profile.read_text().replace(" --slots 4", f" --slots 4 --ssh '{cluster.ssh}'")
    )
    scripts = project.folder / "workflow/scripts"
    (scripts / "embed.py").rename(scripts / "embed_itself.py")
    (scripts / "embed.py").touch(0o755)
    (scripts / "embed.py").write_text(HOLD)
    output = project.folder / "output"
    used = [project.folder / f"used_{gpu}" for gpu in NODES.values()]

    run = start(project)
    wait_for(lambda: all(file.exists() for file in used) or run.poll() is not None)
    assert run.poll() is None, output.read_text()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    finished_jobs = project.folder / ".snakemake/ssh_jobs/finished"
    before = set(finished_jobs.iterdir())

    run = start(project)
    # Before it starts jobs it ends the two that still run.
    wait_for(lambda: len(lines(used)) == 4 or run.poll() is not None)
    ended = set(finished_jobs.iterdir()) - before
    assert len(ended) >= 2 and {(job / "exit").read_text() for job in ended} >= {"stopped"}
    (project.folder / "go").touch()
    assert run.wait() == 0, output.read_text()

    matrices = {
        str(path.relative_to(project.folder))
        for path in project.folder.glob("results/embeddings/**/*.safetensors")
    }
    started = lines(used)
    assert set(started) == matrices
    assert len(started) == len(matrices) + 2
    found, expected = project.results(), finished.results()
    assert "predictions/long/query/contigs.tsv" in found
    assert sorted(path for path in found if found[path] != expected.get(path)) == []
