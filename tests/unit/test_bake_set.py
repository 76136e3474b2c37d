"""What a baked set says of itself: leaks, sums, rules that genes break, held-out genes."""

import random

import pytest
from facts import dnabert_tokenizer
from gene_data import gene

from seqloom.annotate.bake_tables import added
from seqloom.annotate.baking import SHARD_BASES, shards_of, species_of
from seqloom.annotate.codec import Codec, Piece
from seqloom.annotate.eval_genes import diverse, held_out_genes
from seqloom.annotate.examples import Example, Place, tokenized, write_examples
from seqloom.annotate.leaks import leaks_table
from seqloom.annotate.rule_counts import RuleCounts
from seqloom.annotate.signals import Rules
from seqloom.annotate.window_plan import (
    BEYOND_LIMIT,
    Stretch,
    Window,
    WindowRules,
    planned_windows,
)
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.errors import InputError
from seqloom.seqs.genes import ContigGenes, Exon
from seqloom.seqs.genome import Genome


def dna(seed: int, length: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def reverse(letters: str) -> str:
    return letters.translate(str.maketrans("ACGT", "TGCA"))[::-1]


@pytest.fixture
def shard_of(tmp_path):
    """A function that writes windows of a contig, 1000 bases each, as a shard."""
    tokenizer = load_tokenizer(dnabert_tokenizer(tmp_path))

    def write(sample, part, letters):
        examples = [
            Example(
                Place(sample, "c", start, start + 1000, part, 1),
                letters[start : start + 1000],
                *tokenized("A", tokenizer),
                [],
            )
            for start in range(0, len(letters), 1000)
        ]
        path = tmp_path / f"{sample}.tar"
        write_examples(path, examples, Codec(("CDS",)))
        return path

    return write


def test_a_genome_under_another_name_is_found_in_the_test_set(shard_of):
    ours, other, new = dna(1, 20_000), dna(2, 10_000), dna(3, 5000)
    shards = [shard_of("a", "train", ours), shard_of("b", "train", other)]
    shards.append(shard_of("copy", "test", reverse(ours)))
    shards.append(shard_of("new", "validation", new + other[3000:4000]))
    validation, test = leaks_table(shards, 50_000).to_dict("records")
    assert (test["part"], test["windows"], test["too_close"]) == ("test", 20, 20)
    assert test["train"] == "a/c" and test["containment"] == 1
    assert "so the scores on test are too good; hold out both genomes" in test["note"]
    assert (validation["windows"], validation["too_close"]) == (6, 1)
    assert (validation["train"], validation["held_out"]) == ("b/c", "new/c:5001-6000")


def test_without_relation_and_without_training_nothing_is_too_close(shard_of):
    alone = shard_of("alone", "test", dna(5, 3000))
    for shards in ([alone], [alone, shard_of("a", "train", dna(6, 3000))]):
        [row] = leaks_table(shards, 6000).to_dict("records")
        assert (row["too_close"], row["containment"], row["train"]) == (0, 0, None)
    assert leaks_table([shard_of("a", "train", dna(6, 3000))], 3000).empty


def example_of(letters: str, *pieces: Piece) -> Example:
    return Example(Place("s", "c", 100, 100 + len(letters), "train", 1), letters, [], [], pieces)


def test_genes_that_a_rule_can_never_write_are_counted_with_examples():
    def piece(*exons: Exon) -> Piece:
        return Piece("+", "CDS", exons)

    def count(letters: str, *exons: Exon) -> dict[str, tuple[int, str]]:
        counts = RuleCounts(Rules(splice_sites=False))
        counts.add(example_of(letters, piece(*exons)), Codec(("CDS",)))
        rows = counts.table().to_pylist()
        return {row["rule"]: (row["never_written"], row["examples"]) for row in rows}

    good = "ATG" + "GCA" * 20 + "TAA"
    assert {refused for refused, _ in count(good, Exon(0, len(good), 0)).values()} == {0}
    rare = "CCC" + good[3:]
    found = count(rare, Exon(0, len(rare), 0))
    assert found["codons"] == (1, "c:100-166(+) by its first exon")
    assert found["together"][0] == 1 and found["splice_sites"][0] == found["frame"][0] == 0
    spliced = good[:30] + "CC" + "A" * 30 + "CC" + good[30:]
    exons = Exon(0, 30, 0), Exon(64, len(spliced), 0)
    found = count(spliced, *exons)
    assert found["splice_sites"][0] == 1 and found["together"][0] == 0
    stopped = good[:30] + "TAA" + good[30:]
    assert count(stopped, Exon(0, len(stopped), 0))["frame"][0] == 1


def test_only_training_windows_are_left_out_and_the_limit_holds_after_the_quota():
    genes = {
        "c": ContigGenes([gene(f"g{n}", "+", ("t", (n, n + 90, 0))) for n in range(0, 3000, 100)])
    }
    stretches = [Stretch("c", 0, 9000, "train"), Stretch("c", 9000, 12_000, "test")]
    rules = WindowRules(500, empty=0.5, most=5)
    windows = planned_windows(stretches, genes, rules, lambda window: 1)
    kept = [window for window in windows if not window.reason]
    assert sum(window.part == "train" for window in kept) == 5
    assert sum(window.end - window.start for window in kept if window.part == "test") == 3000
    assert {window.reason for window in windows if window.genes} == {"", BEYOND_LIMIT}
    unknown = planned_windows(stretches, genes, rules, lambda window: 0)
    assert not any(window.genes for window in unknown if window.reason.startswith("too many"))
    assert all(window.genes for window in unknown if not window.reason)


def test_shards_are_full_and_of_one_part():
    def window(start: int, part: str, reason: str = "") -> Window:
        return Window("c", start, start + SHARD_BASES // 3, part, 0, 0, reason)

    windows = [window(0, "train"), window(1, "test"), window(2, "train", "no")]
    windows += [window(number, "train") for number in range(3, 8)]
    found = {name: [one.start for one in own] for name, own in shards_of(windows)}
    assert found == {
        "test/shard_000.tar": [1],
        "shard_000.tar": [0, 3, 4],
        "shard_001.tar": [5, 6, 7],
    }
    huge = [Window("c", 0, 3 * SHARD_BASES, "train", 0, 0), *windows[3:4]]
    assert [name for name, _ in shards_of(huge)] == ["shard_000.tar", "shard_001.tar"]


def test_a_contig_has_the_genetic_code_that_its_genes_name():
    genome = Genome("", ["chr", "mito", "bare"], *[None] * 4)
    genes = [gene("a", "+", ("t", (0, 9, 0)), contig="chr")]
    genes += [gene("b", "+", ("t", (0, 9, 0)), contig="mito", genetic_code=3)]
    genes += [gene("r", "+", ("t", (0, 9, None)), contig="chr", biotype="tRNA")]
    species = species_of("s", genome, genes, ["CDS"], 11)
    assert species.codes == {"chr": 11, "mito": 3, "bare": 11}
    assert [g.name for g in species.genes["chr"].overlapping(0, 9)] == ["a"]


def test_genes_of_another_genome_are_an_error():
    genome = Genome("a.fa.gz", ["chr"], *[None] * 4)
    with pytest.raises(InputError, match=r"a\.fa\.gz: it lacks the contig c of the gene a; make "):
        species_of("s", genome, [gene("a", "+", ("t", (0, 9, 0)))], ["CDS"], 11)


def test_held_out_genes_are_whole_and_of_many_kinds():
    def many(strand, exons, number):
        places = [(number * 1000 + 50 * e, number * 1000 + 50 * e + 30, 0) for e in range(exons)]
        return gene(f"{strand}{exons}.{number}", strand, ("t", *places))

    genes = [many("+", 1, number) for number in range(80)]
    genes += [many("-", 1, 80), many("+", 9, 81), many("-", 4, 82), many("+", 1, 95)]
    stretches = [Stretch("c", 0, 90_000, "test"), Stretch("c", 90_000, 99_000, "train")]
    stretches.insert(0, Stretch("d", 0, 10, "test"))
    found = list(held_out_genes("s", genes, stretches))
    assert len(found) == 83
    chosen = diverse(found, 6)
    kinds = {(one["strand"], len(one["exons"])) for one in chosen}
    assert len(chosen) == 6 and kinds == {("+", 1), ("-", 1), ("+", 9), ("-", 4)}
    assert diverse(found[::-1], 6) == chosen
    cut = [Stretch("c", 81_010, 90_000, "test")]
    assert [one["gene"] for one in held_out_genes("s", genes, cut)] == ["-4.82"]


def test_sums_of_species_are_added_below_each_key():
    one, other = {"parts": {"train": {"genes": 1}}}, {"parts": {"train": {"genes": 2}, "test": {}}}
    assert added([one, other], "parts") == {"train": {"genes": 3}, "test": {}}
