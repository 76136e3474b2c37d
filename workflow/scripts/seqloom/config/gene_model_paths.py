"""The names of the files of the model of gene annotation: its stages, and what it predicts."""

from seqloom.config.gene_model import WEIGHTS, parts_of, programs_of
from seqloom.config.paths import Paths
from seqloom.config.settings import Settings

_FOLDER = "results/annotate"
# `{stage}` is init, sft or grpo. The last two keep their best model, and their logs.
STAGES = ("init", "sft", "grpo")
_STAGE = f"{_FOLDER}/genet5/{{run}}/{{stage}}"
_MODEL = {
    "config": "config.json",
    "weights": "model.safetensors",
    "tokenizer": "tokenizer.json",
    "init": "init_report.json",
}
_LOGS = {
    "init": {},
    "sft": {
        "training": "training_log.csv",
        "evaluation": "eval_log.csv",
        "memory": "memory.csv",
        "settings": "finetune_config.json",
    },
    "grpo": {"training": "grpo_log.csv", "settings": "grpo_config.json"},
}
# The genes of a part of a genome, before parts are joined.
GENE_PIECES = f"{_FOLDER}/pieces/{{program}}/{{sample}}/{{shard}}.json"


class ModelPaths:
    """The files of the model; arguments of the methods are wildcards."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def stage_folder(self, stage: str) -> str:
        """The results of a stage of our model."""
        return _STAGE.format(run=self.settings["annotate"]["run"], stage=stage)

    def model_folder(self, stage: str) -> str:
        """The model of a stage: the best one, where it was trained."""
        return self.stage_folder(stage) + ("" if stage == "init" else "/best")

    def stage(self, stage: str) -> dict[str, str]:
        """All files of a stage."""
        model, logs = self.model_folder(stage), self.stage_folder(stage)
        named = {key: f"{model}/{name}" for key, name in _MODEL.items()}
        return named | {key: f"{logs}/{name}" for key, name in _LOGS[stage].items()}

    def model(self, stage: str) -> list[str]:
        """The files of the model of a stage."""
        return [f"{self.model_folder(stage)}/{name}" for name in _MODEL.values()]

    def weights_to_start_from(self) -> list[str]:
        """The files of the backend, if the model is made from it."""
        annotate = self.settings["annotate"]
        is_copied = annotate["model"]["from"] in WEIGHTS
        return Paths(self.settings).model(annotate["backend"]) if is_copied else []

    def model_of_program(self, program: str) -> list[str]:
        return self.model(_stage_of(program))

    def model_folder_of_program(self, program: str) -> str:
        return self.model_folder(_stage_of(program))

    def stages(self) -> list[str]:
        """The stages that the config asks for."""
        annotate = self.settings["annotate"]
        return [s for s in STAGES if annotate["model"] and (s != "grpo" or annotate["grpo"])]

    def logs(self) -> list[str]:
        """What the stages say of themselves."""
        kinds = ("init", "training", "evaluation", "settings")
        found = [self.stage(stage) for stage in self.stages()]
        return [files[kind] for files in found for kind in kinds if kind in files]

    def pieces(self, program: str, sample: str) -> list[str]:
        """The parts of a prediction of ours, in order."""
        parts = parts_of(self.settings["annotate"], self.settings.samples[sample].bases)
        return [GENE_PIECES.format(program=program, sample=sample, shard=part) for part in parts]

    def programs(self) -> list[str]:
        """Our own programs."""
        return list(programs_of(self.settings["annotate"]))


def _stage_of(program: str) -> str:
    """The stage whose model it reads with."""
    return "grpo" if program == "genet5_grpo" else "sft"
