"""What the rules have in common: the settings and the paths of a run, and how Snakemake gets them."""

import inspect
import math
import os
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from seqloom import (
    BAKE_VERSION,
    CALL_VERSION,
    CUT_VERSION,
    ENGINE_VERSION,
    GENET5_VERSION,
    LEARN_VERSION,
)
from seqloom.config import gene_model_paths, gene_paths, paths
from seqloom.config.contents import content_checksum, groups_checksum, labels_checksum
from seqloom.config.options import Options, options
from seqloom.config.resources import Needs
from seqloom.config.schemas import read_yaml
from seqloom.config.cut import WHOLE
from seqloom.config.settings import load_settings
from seqloom.config.sharding import SHARDS_PER_SUBMISSION, submission
from seqloom.config.sheet_files import REFSEQ_FOLDER
from seqloom.errors import InputError
from seqloom.files.atomic import remove_leftovers
from seqloom.files.folders import check_writable, end_future_times, lock_folder, wait_for_jobs
from seqloom.machine.ssh_jobs import end_orphans
from seqloom.report.dry_run import estimate_dry_run
from seqloom.report.terminal import shorten_output
from snakemake.exceptions import WorkflowError

# Each job holds it until its last process ends, whatever becomes of Snakemake.
JOBS_LOCK = ".snakemake/jobs.lock"

# Scripts are called by name, with the Python that runs Snakemake, activated or not; --sdm brings another.
FOLDERS = [str(Path(workflow.basedir) / "workflow" / "scripts")]
if not workflow.deployment_settings.deployment_method:
    FOLDERS.insert(0, os.path.dirname(sys.executable))
# `--fasta @<(lines a.fa b.fa)`: thousands of words do not fit on a command line, but in a file.
shell.prefix(
    f"export PATH={shlex.quote(':'.join(FOLDERS))}:$PATH; set -euo pipefail; "
    f"exec 9<>{JOBS_LOCK}; flock --shared 9 || true; "
    "lines() {{ printf '%s\\n' \"$@\"; }}; "
)

shorten_output(workflow)


resource_scopes:
    # A submission is what the limit of a profile holds for, not the run.
    in_turn="local",


if not workflow.is_main_process:
    # Snakemake does not tell a submission its limits.
    workflow.register_resource("in_turn", 1)

try:
    if not workflow.output_settings.dryrun:
        check_writable([".snakemake", "results", "logs", "models", "work"])
    for file in [file for file in workflow.configfiles if Path(file).suffix != ".json"]:
        read_yaml(file)  # refuses a key that is given twice, of which Snakemake takes the last
    # The job of a sample on a cluster looks at the files of that sample only.
    SETTINGS = load_settings(config, check_files=workflow.is_main_process)
except InputError as error:
    raise WorkflowError(str(error)) from None

PATHS = paths.Paths(SETTINGS)
GENE_PATHS = gene_paths.GenePaths(SETTINGS)
OPTIONS = Options(SETTINGS, PATHS)
NEEDS = Needs(SETTINGS)

estimate_dry_run(workflow, SETTINGS)

if workflow.is_main_process:
    for sentence in NEEDS.disk_for_residues():
        logger.info(sentence)


def lock_this_folder():
    """Have this folder alone; unlike Snakemake's lock (off in our profiles) this one ends with kill -9."""
    global RUN_LOCK
    try:
        RUN_LOCK = lock_folder(".snakemake/run.lock")
    except InputError as error:
        raise WorkflowError(str(error)) from None
    end_orphans(logger.warning)
    wait_for_jobs(JOBS_LOCK, logger.warning)
    made_here = ["results", "resources/demo", REFSEQ_FOLDER]
    remove_leftovers(made_here)
    end_future_times([*made_here, "models"], Path(JOBS_LOCK), logger.warning)


def one_of(names):
    """A wildcard constraint that admits these names only; nothing if there is none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def only(names, wildcard="sample"):
    """No input, but a refusal of other names; as a constraint, thousands would be read for each file."""
    names = frozenset(names)

    def nothing(wildcards):
        name = getattr(wildcards, wildcard)
        if name not in names:
            raise InputError(f"{wildcard} {name}: no rule makes this file; correct the target")
        return []

    return nothing


wildcard_constraints:
    sample="[^/]+",
    cut=one_of([*SETTINGS["cuts"], WHOLE]),
    backend=one_of(SETTINGS.backends),
    fusion=one_of(SETTINGS["fusions"]),
    experiment=one_of(SETTINGS.applied),
    shard=r"\d{4}\d*-of-\d{4}\d*",
    model="[0-9a-f]{12}",


def of(function):
    """What Snakemake calls with the wildcards: `function` gets those that it names."""
    names = inspect.signature(function).parameters
    return lambda wildcards: function(*(getattr(wildcards, name) for name in names))


def untracked(function):
    """A param whose change reruns nothing: Snakemake does not compare functions of `output`."""
    return lambda wildcards, output: of(function)(wildcards)


def asking(rule, memory):
    """The resources of a job, its memory by a method of NEEDS; memory and time grow with every attempt."""
    memory = of(memory)
    return {
        "mem_mb": lambda wildcards, attempt: math.ceil(memory(wildcards) * attempt),
        "runtime": lambda wildcards, attempt: math.ceil(
            NEEDS.minutes(rule, dict(wildcards.items())) * attempt
        ),
        "disk_mb": lambda wildcards: math.ceil(NEEDS.disk_mb(rule, dict(wildcards.items()))),
    }


def packed(group):
    """The group of a short job: those of a sample share a submission, with SHARDS_PER_SUBMISSION at most."""

    def name_of_group(wildcards):
        name = f"{group}_{wildcards.sample}_{submission(getattr(wildcards, 'shard', None))}"
        # So `group-components: {finish: 1000}` joins jobs of this name that do not depend on each other.
        workflow.parent_groupids[name] = group
        return name

    return name_of_group


def packed_if_few(wildcards):
    """The group of an export; none if its sample has more shards than a submission."""
    shards = SETTINGS.shards(getattr(wildcards, "cut", WHOLE), wildcards.sample)
    return packed("finish")(wildcards) if len(shards) <= SHARDS_PER_SUBMISSION else None


def row_of(sample):
    return SETTINGS.samples[sample]
