"""The experiments on k-mers that stand beside those of the config."""

from typing import Any

from seqloom.config.registry import KMER

_FUSION, _BACKEND = KMER, "kmer4"


def add_kmer_experiments(values: dict[str, Any]) -> dict[str, str]:
    """Add an experiment `kmer_{cut}` for each cut; return the experiment whose split each has.

    It is the first experiment of that cut with another fusion. None is added where one of the
    config has this name, or k-mers alone.
    """
    experiments, fusions = values["experiments"], values["fusions"]
    if not values["kmer"] or not experiments:
        return {}
    fusions.setdefault(_FUSION, [_BACKEND])
    beside = {}
    for name, experiment in list(experiments.items()):
        cut = experiment["cut"]
        alone = any(
            other["cut"] == cut and fusions.get(other["fusion"]) == [_BACKEND]
            for other in experiments.values()
        )
        if not alone and f"kmer_{cut}" not in experiments:
            experiments[f"kmer_{cut}"] = experiment | {"fusion": _FUSION}
            beside[f"kmer_{cut}"] = name
    return beside
