"""What a model needs to know of a baked set: its tokens, its rules and its shards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqloom.annotate.codec import Codec
from seqloom.annotate.examples import Example, read_examples
from seqloom.annotate.signals import Rules
from seqloom.annotate.window_plan import TRAIN
from seqloom.errors import InputError
from seqloom.files.json_files import read_json


@dataclass(frozen=True)
class Baked:
    """A folder of bake_set.py with its species."""

    folder: Path
    codec: Codec
    rules: Rules

    @property
    def tokenizer(self) -> Path:
        """That of DNA, extended by the tokens of targets."""
        return self.folder / "tokenizer.json"

    @property
    def species(self) -> list[str]:
        return sorted(path.parent.name for path in self.folder.glob("*/stats.json"))

    def shards(self, species: Sequence[str], part: str = TRAIN) -> list[Path]:
        """The shards of a part; an error if a species was not baked."""
        files = []
        for name in species:
            if not (stats := self.folder / name / "stats.json").exists():
                raise InputError(f"{self.folder}: {name} is not baked here; correct --species")
            shards = read_json(stats)["shards"]
            files += [self.folder / name / s["file"] for s in shards if s["part"] == part]
        return files

    def examples(self, species: Sequence[str], part: str = TRAIN) -> Iterator[Example]:
        for shard in self.shards(species, part):
            yield from read_examples(shard, self.codec)


def read_baked(folder: Path) -> Baked:
    config = read_json(folder / "bake_config.json")
    settings, tokens = config["settings"], config["tokens"]
    codec = Codec(tuple(settings.get("biotypes", ["CDS"])), min(tokens.values()))
    if list(tokens) != codec.tokens:
        raise InputError(
            f"{folder}/bake_config.json: its tokens are not those of the biotypes "
            f"{' '.join(codec.biotypes)}; bake the set again"
        )
    return Baked(folder, codec, Rules(**settings.get("rules", {})))
