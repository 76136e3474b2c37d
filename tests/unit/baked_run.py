"""A small baked run of a made-up genome, for tests and benchmarks of training."""

from dataclasses import asdict, replace
from pathlib import Path

from facts import dnabert_tokenizer

from seqloom.annotate.codec import Codec
from seqloom.annotate.examples import Example, Place, tokenized, write_examples
from seqloom.annotate.signals import Rules
from seqloom.annotate.tokens import extended_tokenizer
from seqloom.annotate.window_plan import Stretch, WindowRules, planned_windows, window_pieces
from seqloom.demo.annotated import COMPACT, AnnotatedContig, annotated_genome
from seqloom.demo.demo_files import phases
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.files.json_files import write_json
from seqloom.seqs.genes import ContigGenes, Exon, Gene, Transcript

SPECIES = COMPACT.name
WINDOW = 1500


def write_baked_run(folder: Path, seed: int, genes: int = 40, contigs: int = 2) -> Path:
    """A run of one species: its last contig is for validation."""
    folder.mkdir(parents=True)
    tokenizer = load_tokenizer(dnabert_tokenizer(folder))
    codec = Codec(("CDS",), tokenizer.get_vocab_size())
    extended_tokenizer(tokenizer, codec.tokens).save(str(folder / "tokenizer.json"))
    tokens = {token: codec.first_id + number for number, token in enumerate(codec.tokens)}
    settings = {"biotypes": list(codec.biotypes), "rules": asdict(Rules())}
    write_json(folder / "bake_config.json", {"settings": settings, "tokens": tokens})
    species = replace(COMPACT, genes=genes, contigs=contigs)
    shards = []
    for number, contig in enumerate(annotated_genome(species, seed)):
        is_last = number == contigs - 1
        name = "validation/shard_000.tar" if is_last else f"shard_{number:03d}.tar"
        path = folder / SPECIES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = "validation" if is_last else "train"
        write_examples(path, _examples(contig, part, tokenizer), codec)
        shards.append({"file": name, "part": part})
    write_json(folder / SPECIES / "stats.json", {"shards": shards})
    return folder


def _examples(contig: AnnotatedContig, part, tokenizer):
    genes = ContigGenes(
        Gene(
            f"g{number}",
            contig.name,
            "+" if gene.strand > 0 else "-",
            "CDS",
            (Transcript("t", tuple(map(Exon, *zip(*gene.exons, strict=True), phases(gene)))),),
        )
        for number, gene in enumerate(contig.genes)
    )
    stretch = Stretch(contig.name, 0, len(contig.sequence), part)
    rules = WindowRules(WINDOW)
    for window in planned_windows([stretch], {contig.name: genes}, rules, lambda _: 1.0):
        if not window.reason:
            letters = contig.sequence[window.start : window.end]
            place = Place(SPECIES, contig.name, window.start, window.end, part, 1)
            pieces = window_pieces(genes, window.start, window.end)
            yield Example(place, letters, *tokenized(letters, tokenizer), pieces)
