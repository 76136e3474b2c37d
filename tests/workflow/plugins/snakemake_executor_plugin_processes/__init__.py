"""An executor that submits jobs like a cluster executor, to local processes, and takes notes.

Each line of submissions.jsonl says what a submission asked for. With --immediate-submit none runs.
A job that takes more memory than it asked for loses its largest process, as by the kernel.
"""

import contextlib
import json
import subprocess
import threading
import time
from collections import Counter

import psutil
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=1,
)


class Executor(RemoteExecutor):
    def run_job(self, job):
        rules = [part.rule.name for part in job.jobs] if job.is_group() else [job.rule.name]
        asked = {name: job.resources.get(name) for name in ("mem_mb", "runtime", "slurm_partition")}
        with open("submissions.jsonl", "a") as file:
            print(json.dumps(asked | {"threads": job.threads, "rules": Counter(rules)}), file=file)
        notes_only = self.workflow.remote_execution_settings.immediate_submit
        process = subprocess.Popen(
            "true" if notes_only else self.format_job_exec(job),
            shell=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        limit = 1e6 * job.resources["mem_mb"]
        threading.Thread(target=keep_below, args=(process, limit), daemon=True).start()
        self.report_job_submission(SubmittedJobInfo(job, aux={"process": process}))

    async def check_active_jobs(self, active_jobs):
        if self.workflow.remote_execution_settings.immediate_submit:
            return
        for job in active_jobs:
            match job.aux["process"].poll():
                case None:
                    yield job
                case 0:
                    self.report_job_success(job)
                case _:
                    self.report_job_error(job)

    def cancel_jobs(self, active_jobs):
        for job in active_jobs:
            job.aux["process"].terminate()


def keep_below(job: subprocess.Popen, limit: float) -> None:
    while job.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            sizes = {p: p.memory_info().rss for p in psutil.Process(job.pid).children(True)}
            if sum(sizes.values()) > limit:
                max(sizes, key=sizes.get).kill()
        time.sleep(0.05)
