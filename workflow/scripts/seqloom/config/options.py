"""The command line options of the scripts, from the settings."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqloom.config.cut import WHOLE
from seqloom.config.gene_model import WEIGHTS, programs_of, shape_of, tile_of, training_species
from seqloom.config.gene_paths import GenePaths
from seqloom.config.held_out import PARTS, held_out_place
from seqloom.config.paths import COMPARISON, Paths
from seqloom.config.settings import Settings
from seqloom.config.sheet_files import REFSEQ_FOLDER

# Where raw folders lie, and what is done with a baked set later, have no effect on it.
_NOT_BAKED = ("raw", "baselines", "augustus_species", "busco", "model", "sft", "grpo", "predict")

_WAY = ("workers", "keep_every", "checkpointing", "compile")


def options(values: Mapping[str, Any]) -> str:
    """`{"max_frames": 5}` as `--max-frames 5`; None, False and empty lists are left out."""
    return shlex.join(words(values))


def words(values: Mapping[str, Any]) -> list[str]:
    """Like `options`, as a list of words."""
    result = []
    for key, value in values.items():
        if value is not None and value is not False and value != []:
            items = [] if value is True else value if isinstance(value, list) else [value]
            result += [f"--{key.replace('_', '-')}", *map(str, items)]
    return result


class Options:
    """The options of the rules; each method takes the wildcards of its rule."""

    def __init__(self, settings: Settings, paths: Paths) -> None:
        self.settings, self.paths, self.gene_paths = settings, paths, GenePaths(settings)

    def download(self, file: str) -> str:
        """The address, size and checksums of a listed file."""
        return options(vars(self.settings.downloads[REFSEQ_FOLDER + file]))

    def fetch_model(self, backend: str) -> str:
        """Where the weights come from, and what a backend of the config is."""
        entry = self.settings["backends"].get(backend)
        if entry:
            return options({"entry": json.dumps(entry)})
        return options(self.settings["models"].get(backend, {}))

    def cut(self, cut: str, sample: str) -> str:
        """How a cut reads a sample."""
        code = self.settings.samples[sample].genetic_code
        return options(self.settings["cuts"][cut] | {"genetic_code": code})

    def plan(self, cut: str, sample: str) -> str:
        """How windows and frames of a sample are found and chosen."""
        most = self.settings.samples[sample].max_frames
        # The seed has no effect where all windows are read.
        chosen = options({"max_frames": most, "seed": self.settings["seed"]} if most else {})
        if cut == WHOLE:
            return f"--whole {chosen}"
        coding = options({"coding": self.paths.coding(cut, sample)})
        return f"{self.cut(cut, sample)} {chosen} {coding}"

    def embed(self, cut: str, backend: str | None = None) -> str:
        """How sequences are embedded; only a protein may be left without an embedding."""
        keys = ["dtype", "store", "too_long"] + (["failures"] if cut == WHOLE else [])
        chosen = {key: self.settings["embed"][key] for key in keys}
        if self.settings.given and backend:
            trained = self.settings.given.backends[backend]
            chosen |= {key: trained[key] for key in ("dtype", "weights_sha256")}
        return options(chosen)

    def split(self, experiment: str) -> str:
        return options(self.settings["experiments"][experiment]["split"])

    def train(self, experiment: str) -> str:
        return options(self.settings["experiments"][experiment]["train"])

    def rule_of_calls(self) -> str:
        """How scores become calls and regions."""
        chosen = self.settings["predict"]
        keys = chosen.keys() - {"experiments", "regions"}
        rule = {key: chosen[key] for key in sorted(keys)}
        return options(rule | {f"region_{key}": value for key, value in chosen["regions"].items()})

    def compare(self) -> str:
        """Millions of weights in the models of each experiment."""
        return options(
            {"weights": [self.settings.weights_of(name) for name in self.settings["experiments"]]}
        )

    def label(self, sample: str) -> str:
        return options({"label": self.settings.samples[sample].label})

    def samples_to_split(self) -> list[str]:
        """A JSON object for each labeled row of the sheet."""
        rows = [self.settings.samples[name] for name in self.settings.labeled()]
        keys = {"sample": "name", "label": "label", "category": "category", "groups": "groups"}
        return [json.dumps({key: getattr(row, name) for key, name in keys.items()}) for row in rows]

    def samples_to_divide(self) -> list[str]:
        """A JSON object for each annotated species."""
        rows = [self.settings.samples[name] for name in self.gene_paths.annotated()]
        return [json.dumps({"sample": row.name, "groups": row.groups}) for row in rows]

    def parts(self) -> str:
        """What is held out."""
        return options({part: self.settings["annotate"][part] for part in PARTS})

    def bake(self, sample: str) -> str:
        """How a species is cut into windows and written."""
        annotate, row = self.settings["annotate"], self.settings.samples[sample]
        windows = annotate["windows"]
        size, step = windows["sliding"] or (windows["limits"][annotate["species"][sample]], None)
        chosen = {"genetic_code": row.genetic_code, "window": size, "step": step}
        chosen |= {key: windows[key] for key in ("empty", "threshold", "limit")}
        chosen |= {"biotypes": annotate["biotypes"]}
        chosen |= self._held_out(sample)
        return shlex.join([*words(chosen), *self._rules()])

    def _rules(self) -> list[str]:
        """Those that are on; an empty list switches all off."""
        rules = self.settings["annotate"]["rules"]
        return ["--rules", *(rule for rule, is_on in rules.items() if is_on)]

    def held_out(self, sample: str) -> str:
        """What of a species is held out."""
        return options(self._held_out(sample))

    def _held_out(self, sample: str) -> dict[str, list[str]]:
        annotate = self.settings["annotate"]
        return {
            part: [text for text in annotate[part] if held_out_place(part, text).species == sample]
            for part in PARTS
        }

    def bake_set(self) -> str:
        annotate = self.settings["annotate"]
        chosen = {key: annotate[key] for key in ("biotypes", "eval_genes")}
        settings = {key: value for key, value in annotate.items() if key not in _NOT_BAKED}
        return options(chosen | {"settings": json.dumps(settings)})

    def init(self) -> str:
        """What the model is before it is trained; weights of DNABERT decide its widths."""
        annotate = self.settings["annotate"]
        model, shape = annotate["model"], shape_of(annotate)
        if model["from"] in WEIGHTS:
            folder = self.paths.model_folder(annotate["backend"])
            shape |= dict.fromkeys(("width", "layers", "heads", "inner"))
            shape |= {"decoder_layers": model["decoder_layers"], "model": folder}
        return options({"from": model["from"], **shape, "seed": model["seed"]})

    def sft(self) -> str:
        """How the model is trained."""
        chosen = self._numbers_of_sft()
        chosen |= {"species": training_species(self.settings["annotate"])}
        return options(chosen | ({"epochs": None} if chosen["steps"] else {}))

    def way_of_sft(self) -> str:
        """How it is computed, which has no effect on what is learned but by rounding."""
        return options({key: self.settings["annotate"]["sft"][key] for key in _WAY})

    def _numbers_of_sft(self) -> dict[str, Any]:
        left_out = ("gpus", *_WAY)
        return {k: v for k, v in self.settings["annotate"]["sft"].items() if k not in left_out}

    def grpo(self) -> str:
        """How the trained model is refined."""
        annotate = self.settings["annotate"]
        return options(annotate["grpo"] | {"species": training_species(annotate)})

    def ranks(self) -> str:
        """What starts a training on several GPUs."""
        gpus = self.settings["annotate"]["sft"]["gpus"]
        return f"sft_ranks.py --gpus {gpus} --" if gpus > 1 else ""

    def work_of_training(self, stage: str) -> str:
        """The folder of what a training keeps; only one of the same settings goes on from it."""
        annotate = self.settings["annotate"]
        settings = {key: value for key, value in annotate.items() if key not in _NOT_BAKED}
        settings |= {"model": annotate["model"], "sft": self._numbers_of_sft()}
        settings |= {"grpo": annotate["grpo"]} if stage == "grpo" else {}
        named = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        return f"work/annotate/{stage}/{named}"

    def predict_genet5(self, program: str, sample: str) -> str:
        """How a model reads a genome."""
        annotate, row = self.settings["annotate"], self.settings.samples[sample]
        window, overlap = tile_of(annotate, sample)
        chosen = {"head": programs_of(annotate)[program], "genetic_code": row.genetic_code}
        chosen |= {"window": window, "overlap": overlap, "batch": annotate["predict"]["batch"]}
        return shlex.join([*words(chosen), *self._rules()])

    def gene_report(self) -> list[str]:
        annotate = self.settings["annotate"]
        # Where raw folders and lineages lie has no effect on the page.
        shown = annotate | {"raw": None, "busco": list(annotate["busco"])}
        stages = [self.gene_paths.stage_folder(stage) for stage in self.gene_paths.stages()]
        given = {"baked": self.gene_paths.baked_folder(), "stages": stages}
        given |= {"simulated": bool(self.settings["simulate"]), "settings": json.dumps(shown)}
        return words(self.gene_paths.gene_report_inputs() | given)

    def report(self) -> list[str]:
        """The folders and files of the report, without those the config does not ask for."""
        evaluations, inputs = self.paths.evaluation_folders(), self.paths.report_inputs()
        # The mirror has no effect on the report.
        refseq = self.settings["refseq"] and self.settings["refseq"] | {"mirror": None}
        return words(
            {
                "evaluations": evaluations,
                "classifiers": _folders(inputs["classifiers"]),
                "comparison": COMPARISON["card"] if evaluations else None,
                "figure": COMPARISON["figure"] if evaluations else None,
                "predictions": _folders(self.paths.predictions()),
                "genomes": inputs["genomes"],
                "audits": inputs["audits"],
                "records": inputs["records"],
                "models": self.paths.cards_of_protein_models(),
                "settings": json.dumps(self.settings.values | {"refseq": refseq}),
            }
        )


def _folders(paths: list[str]) -> list[str]:
    """The folders of these files, each once, in order."""
    return list(dict.fromkeys(str(Path(path).parent) for path in paths))
