"""The estimate of jobs on a site: who takes them, how long, and what it says."""

import re
from types import SimpleNamespace

import pytest

from seqloom.config.settings import load_settings
from seqloom.config.work import Work, read_devices
from seqloom.machine.estimate import Estimator, Job
from seqloom.machine.schedule import Site
from seqloom.machine.sharing import Sharing, best_sharing
from seqloom.report.estimate_text import clock, duration, estimate_text, sharing_lines, size

SHARDS = 40


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A virus of 400 megabases, embedded with two backends and one that needs 64 GB."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.fa").write_text(">a\nACGT\n")
    (tmp_path / "s.tsv").write_text(
        "sample\tfasta\tlabel\tbases\nv\ta.fa\tviral\t400000000\nh\ta.fa\thost\t4000000\n"
    )
    large = {"repository": "x/y", "molecule": "protein", "width": 5120, "parameters": 15000}
    large |= {"pooling": "mean_residues", "max_length": 1024, "dtype": "float32"}
    return Work(
        load_settings(
            {
                "samples": "s.tsv",
                "cuts": {"w300": {}},
                "backends": {"large": large},
                "fusions": {"all": ["dnabert_s", "fastesm2_650", "large"]},
                "experiments": {"e": {"cut": "w300", "fusion": "all"}},
                "embed": {"shard_bases": 10_000_000},
            }
        )
    )


def embed(backend: str, number: int, **resources: object) -> Job:
    shard = f"{number:04}-of-{SHARDS:04}"
    wildcards = {"backend": backend, "cut": "w300", "sample": "v", "shard": shard}
    output = f"results/embeddings/{backend}/w300/v/{shard}.safetensors"
    inputs = [f"results/shards/w300/v/{shard}.faa"]
    asked = {"gpu": 1, "mem_mb": 9000} | resources
    return Job("embed_shard", wildcards, inputs, [output], number + 100, 4, asked)


def frames(number: int, submission: int) -> Job:
    shard = f"{number:04}-of-{SHARDS:04}"
    wildcards = {"cut": "w300", "sample": "v", "shard": shard}
    output = f"results/shards/w300/v/{shard}.faa"
    return Job("frames", wildcards, [], [output], submission, 1, {"mem_mb": 2000})


def estimator(work: Work, jobs: list[Job], gpus: dict[str, int], submitted=None) -> Estimator:
    return Estimator(work, read_devices(), jobs, Site(gpus, cores=8, jobs=submitted))


def test_a_job_takes_the_gpu_it_names_or_any_with_enough_memory(work):
    site = {"a6000": 1, "gb10": 1}
    jobs = [embed("dnabert_s", 1, gpu_model="gb10"), embed("dnabert_s", 2), embed("large", 3)]
    priced = estimator(work, [*jobs, frames(1, 0)], site)
    kinds = [["gb10"], ["a6000", "gb10"], ["gb10"], ["cpu"]]
    assert [priced.kinds(job) for job in priced.jobs] == kinds
    assert estimator(work, jobs, {}).kinds(jobs[0]) == ["cpu"]
    assert estimator(work, jobs, {"a6000": 2}).kinds(jobs[2]) == ["a6000"], "the largest there is"


def test_jobs_of_a_submission_are_one_task_and_others_wait_for_it(work):
    jobs = [frames(1, 7), frames(2, 7), embed("dnabert_s", 2), frames(3, 8)]
    tasks = estimator(work, jobs, {"a6000": 1}, submitted=8).tasks(case=1)
    assert [task.needs for task in tasks] == [[], [0], []]
    assert tasks[0].seconds["cpu"] == pytest.approx(2 * tasks[2].seconds["cpu"] - 5)


def test_time_on_gpus_is_the_operations_at_the_share_of_the_peak(work):
    jobs = [embed("fastesm2_650", number + 1) for number in range(SHARDS)]
    found = estimator(work, jobs, {"a6000": 2}).estimate()
    a6000 = read_devices()["a6000"]
    one = a6000.start[1] + work.operations("fastesm2_650", "w300", "v") / (155e12 * 0.4)
    assert found.seconds == pytest.approx([one] * SHARDS)
    assert found.run[1] == pytest.approx(SHARDS / 2 * one)
    assert found.run[0] > found.run[1] > found.run[2]
    matrix = work.frames("w300", "v") * 1280 * 4
    assert sum(found.written) == pytest.approx(matrix, rel=0.001)


def test_a_core_hour_counts_all_cores_that_a_job_holds(work):
    priced = estimator(work, [embed("dnabert_s", 1)], {})
    text = estimate_text(priced, 1e15)
    assert f"CPU     {duration(4 * priced.estimate().seconds[0])} of a core" in text
    assert "No GPU is given: 1 jobs" in text


def test_a_disk_that_is_too_small_is_said(work):
    priced = estimator(work, [embed("dnabert_s", 1)], {"a6000": 1})
    assert "NOT ENOUGH" in estimate_text(priced, 1e6)
    assert "NOT ENOUGH" not in estimate_text(priced, 1e12)


def test_a_profile_that_leaves_gpus_idle_gets_the_line_that_uses_them(work):
    jobs = [
        embed(backend, number + 1, gpu_model="a6000")
        for backend in ("dnabert_s", "fastesm2_650")
        for number in range(SHARDS)
    ]
    priced = estimator(work, jobs, {"a6000": 2, "gb10": 2})
    sharing = best_sharing(priced)
    assert sharing.bound <= sharing.best <= sharing.pinned < 0.95 * sharing.given
    assert sum(sum(kinds.values()) for kinds in sharing.counts.values()) == len(jobs)
    text = estimate_text(priced, 1e15)
    assert sharing.pins == {}
    assert text.endswith("\n    no gpu_model"), (
        "what is free is better than a kind for each backend"
    )


def test_a_kind_for_some_backends_is_given_as_a_line_of_the_profile():
    counts = {"dnabert_s": {"gb10": 40}, "fastesm2_650": {"a6000": 31, "gb10": 9}}
    pins = {"dnabert_s": "gb10"}
    text = "\n".join(sharing_lines(Sharing(100, 60, 50, counts, pins, pinned=70)))
    [line] = re.findall(r'^    gpu_model: "(.*)"$', text, re.MULTILINE)
    for backend, kind in (("dnabert_s", "gb10"), ("fastesm2_650", None)):
        assert eval(line, {"wildcards": SimpleNamespace(backend=backend)}) == kind


def test_a_profile_that_takes_what_is_free_is_left_alone(work):
    jobs = [embed("fastesm2_650", number + 1) for number in range(SHARDS)]
    text = estimate_text(estimator(work, jobs, {"a6000": 4, "gb10": 2}), 1e15)
    assert "Embedding alone takes" in text
    assert "gpu_model" not in text
    assert best_sharing(estimator(work, jobs, {"a6000": 4})) is None


def test_thousands_of_samples_are_a_few_classes(work):
    """Their shards differ in size, and the program must stay small."""
    work.known_frames = {("w300", f"s{number}"): 100 + 7 * number for number in range(3000)}
    sample = work.settings.samples["v"]
    work.settings.samples.update(dict.fromkeys((f"s{number}" for number in range(3000)), sample))
    jobs = []
    for number in range(3000):
        job = embed("fastesm2_650", 1)
        jobs.append(
            Job(
                job.rule,
                job.wildcards | {"sample": f"s{number}"},
                [],
                [str(number)],
                number,
                1,
                job.resources,
            )
        )
    sharing = best_sharing(estimator(work, jobs, {"a6000": 4, "gb10": 2}))
    assert sum(sharing.counts["fastesm2_650"].values()) == 3000
    assert sharing.best < 1.01 * sharing.bound


def test_times_and_sizes_are_written_as_people_do():
    assert [duration(s) for s in (5.4, 90, 12_000, 3e5)] == [
        "5 s",
        "2 min",
        "3 h 20 min",
        "3 d 11 h",
    ]
    assert [clock(s) for s in (0.4, 50, 1e5)] == ["0:00:00", "0:00:50", "27:46:40"]
    assert [size(n) for n in (900, 4e6, 1.26e9)] == ["1 kB", "4 MB", "1.3 GB"]
