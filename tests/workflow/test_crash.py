"""After kill -9 the same command gives the result of an undisturbed run."""

import os
import signal
import subprocess
import time


def test_a_killed_run_resumes_with_the_same_result(fresh, finished):
    marker = fresh.folder / "results/embeddings"
    run = subprocess.Popen(
        fresh.command("predict"),
        cwd=fresh.folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while len(list(marker.rglob("[!.]*.safetensors"))) < 2:
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    kept = {path: path.stat().st_mtime_ns for path in marker.rglob("[!.]*.safetensors")}
    fresh.run("predict")
    found, expected = fresh.results(), finished.results()
    assert "predictions/long/query/contigs.tsv" in found
    assert sorted(path for path in found if found[path] != expected.get(path)) == []
    # Finished jobs did not run again; up to two were running at the kill.
    again = [path for path, made in kept.items() if path.stat().st_mtime_ns != made]
    assert len(again) <= 2
