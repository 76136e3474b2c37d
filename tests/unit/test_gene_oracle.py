"""Annotated genomes through baked shards and GFF3 files: nothing is lost on the way."""

import random
from collections import Counter, defaultdict

import numpy as np
import pytest
from Bio import SeqIO
from facts import SHARED, code_of, dnabert_tokenizer, genome_file, if_shared, sequences_of

from seqloom.annotate.codec import Codec
from seqloom.annotate.examples import Example, Place, read_examples, tokenized, write_examples
from seqloom.annotate.gff_writer import gff3_lines
from seqloom.annotate.pieces import join
from seqloom.annotate.proteins import proteins
from seqloom.annotate.scores import compare
from seqloom.annotate.window_plan import (
    EMPTY,
    Stretch,
    WindowRules,
    planned_windows,
    window_pieces,
)
from seqloom.encoders.tokenizers import load_tokenizer
from seqloom.errors import InputError
from seqloom.seqs.gene_reader import read_genes
from seqloom.seqs.genes import ContigGenes, Exon, Gene, Transcript

SMALL = ["hepatitis_b", "hiv_1", "influenza_a_korea", "mycoplasma_mycoides", "phage_vt2_sakai"]
SMALL += ["saccharomyces_cerevisiae"]
WHOLE = sorted(
    str(path.relative_to(SHARED / "data")).removesuffix(".gff.gz")
    for path in (SHARED / "data").glob("*/*.gff.gz")
) or ["of whole genomes"]
# The longest windows of the specification, by the folder of a genome.
LIMITS = {"fungi": 22_500, "plant": 45_000, "animal": 45_000}


def all_known(window):
    return 1.0


def examples_of(genome, sequences, genes, limit, tokenizer):
    for name, sequence in sequences.items():
        stretch = Stretch(name, 0, len(sequence), "train")
        of_contig = ContigGenes(genes[name])
        for window in planned_windows([stretch], {name: of_contig}, WindowRules(limit), all_known):
            letters = sequence[window.start : window.end].upper()
            place = Place(genome, name, window.start, window.end, window.part, code_of(genome))
            pieces = window_pieces(of_contig, window.start, window.end)
            yield Example(place, letters, *tokenized(letters, tokenizer), pieces)


@pytest.mark.parametrize("genome", [*SMALL, *map(if_shared, WHOLE)])
def test_genes_come_back_from_shards_and_gff3_with_f1_of_one(tmp_path, genome):
    sequences = sequences_of(genome_file(genome, "fa"))
    lengths = {name: len(sequence) for name, sequence in sequences.items()}
    genes, _ = read_genes([str(genome_file(genome, "gff"))], lengths)
    by_contig = defaultdict(list)
    for gene in genes:
        by_contig[gene.contig].append(gene)
    codec = Codec(tuple(sorted({gene.biotype for gene in genes})), first_id=4096)
    limit = LIMITS.get(genome.partition("/")[0], 9000)
    tokenizer = load_tokenizer(dnabert_tokenizer(tmp_path))
    shard = tmp_path / "shard_000.tar"
    baked = list(examples_of(genome, sequences, by_contig, limit, tokenizer))
    assert write_examples(shard, baked, codec) == len(baked)

    windows = defaultdict(list)
    for example, before in zip(read_examples(shard, codec), baked, strict=True):
        assert (example.place, example.letters) == (before.place, before.letters)
        assert np.array_equal(example.tokens, before.tokens)
        assert example.token_ends[-1] == len(example.letters)
        windows[example.place.contig].append((example.place.start, example.pieces))
    found = [gene for contig in sequences for gene in join(windows[contig], contig)]
    gff = tmp_path / "genes.gff3"
    gff.write_text("".join(f"{line}\n" for line in gff3_lines(found, lengths, "seqloom", {})))
    back, _ = read_genes([str(gff)], lengths)

    assert Counter(gene.biotype for gene in back) == Counter(gene.biotype for gene in genes)
    for biotype in codec.biotypes:
        truth, mine = ([g for g in some if g.biotype == biotype] for some in (genes, back))
        levels = compare(truth, mine)
        assert {level: counts.f1 for level, counts in levels.items()} == dict.fromkeys(levels, 1.0)


def test_tokens_end_where_the_tokenizer_says(tmp_path):
    tokenizer = load_tokenizer(dnabert_tokenizer(tmp_path))
    draw = random.Random(0)
    for letters in ("NNACGTRY", "".join(draw.choices("ACGTNR", [9, 9, 9, 9, 1, 1], k=3000))):
        encoding = tokenizer.encode(letters)
        ids, ends = tokenized(letters, tokenizer)
        assert ids.tolist() == encoding.ids
        assert ends.tolist()[:-1] == [end for _, end in encoding.offsets][:-1]
        assert ends[-1] == len(letters)


def test_the_same_examples_give_the_same_bytes_and_a_cut_shard_is_an_error(tmp_path):
    tokenizer = load_tokenizer(dnabert_tokenizer(tmp_path))
    codec = Codec(("CDS",))
    example = Example(
        Place("s", "c.1", 0, 8, "test", 11), "ACGTNACG", *tokenized("A", tokenizer), []
    )
    for name in ("a.tar", "b.tar"):
        write_examples(tmp_path / name, [example, example], codec)
    content = (tmp_path / "a.tar").read_bytes()
    assert content == (tmp_path / "b.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(content[:3000])
    with pytest.raises(InputError, match=r"a\.tar"):
        list(read_examples(tmp_path / "a.tar", codec))


def test_the_surplus_of_empty_windows_is_left_out_and_parts_do_not_share_windows():
    genes = [
        Gene(f"g{start}", "c", "+", "CDS", (Transcript("t", (Exon(start, start + 90, 0),)),))
        for start in range(0, 2000, 100)
    ]
    stretches = [Stretch("c", 0, 8000, "train"), Stretch("c", 8000, 10_000, "test")]
    windows = planned_windows(
        stretches, {"c": ContigGenes(genes)}, WindowRules(500, empty=0.5), all_known
    )
    train = [window for window in windows if window.part == "train"]
    with_genes = [window for window in train if window.genes]
    left_out = [window for window in windows if window.reason]
    assert {(window.part, window.reason) for window in left_out} == {("train", EMPTY)}
    empty = len(train) - len(with_genes)
    assert empty - len(left_out) == len(with_genes) // 2
    assert {window.part for window in windows if window.start >= 8000} == {"test"}
    assert all(window.end <= 8000 for window in windows if window.part == "train")
    again = planned_windows(
        stretches, {"c": ContigGenes(genes[::-1])}, WindowRules(500, empty=0.5), all_known
    )
    assert again == windows


@pytest.mark.parametrize("genome", ["influenza_a_korea", "mycoplasma_mycoides", "phage_vt2_sakai"])
def test_proteins_are_the_translations_of_genbank(genome):
    sequences = sequences_of(genome_file(genome, "fa"))
    lengths = {name: len(sequence) for name, sequence in sequences.items()}
    path = genome_file(genome, "gbff")
    genes, _ = read_genes([str(path)], lengths)
    found = Counter(
        protein
        for name, sequence in sequences.items()
        for _, protein in proteins([g for g in genes if g.contig == name], sequence, 1)
    )
    expected = Counter(
        feature.qualifiers["translation"][0]
        for record in SeqIO.parse(path, "genbank")
        for feature in record.features
        if "translation" in feature.qualifiers
    )
    assert expected
    assert found == expected
