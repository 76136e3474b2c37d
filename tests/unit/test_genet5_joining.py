"""Genes of overlapping tiles, joined; what is written of them, and that it can be read again."""

import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from Bio import SeqIO
from Bio.Seq import reverse_complement
from gene_data import gene_lists
from genet5_data import codec, dna_tokenizer, gene_example, model, steps_of
from hypothesis import given
from made_genome import made_genes
from models_data import one_thread  # noqa: F401
from seqs_data import letters, stored

import join_genet5
import predict_genet5
from seqloom.annotate.codec import Piece
from seqloom.annotate.pieces import cut
from seqloom.annotate.signals import Rules
from seqloom.errors import InputError
from seqloom.genet5 import contig_letters
from seqloom.genet5.batches import target_batch, window_batch
from seqloom.genet5.contig_letters import ContigLetters
from seqloom.genet5.folders import save_model
from seqloom.genet5.formats import bed_lines, exon_records, gtf_lines, intron_records
from seqloom.genet5.joining import TileGenes, genes_of_contig
from seqloom.genet5.losses import loss_sums
from seqloom.genet5.piece_files import read_settings, tiles_of_contigs, write_pieces
from seqloom.genet5.segment import labels
from seqloom.genet5.tiles import groups_of, groups_of_part, groups_of_ranges
from seqloom.seqs.gene_reader import read_genes
from seqloom.seqs.genes import ContigGenes, Exon
from seqloom.seqs.genome import open_genome

LENGTH = 60_000


def tiles_of(genes, length, window, overlap):
    """What a perfect model finds."""
    of_contig = ContigGenes(genes)
    found = []
    for [tile] in groups_of({"c": length}, window, overlap, 1):
        inside = of_contig.overlapping(tile.start, tile.end)
        pieces = [cut(gene, tile.start, tile.end) for gene in inside]
        pieces = [piece for piece in pieces if piece]
        found.append(TileGenes("c", tile.start, tile.end, pieces, [-0.1] * len(pieces)))
    return found


def structures(genes):
    return [(one.strand, one.canonical.exons, one.partial_left, one.partial_right) for one in genes]


@pytest.mark.parametrize(("window", "overlap"), [(20_000, 5000), (3000, 1000), (1200, 500)])
def test_genes_that_tiles_show_as_they_are_come_back_whole(window, overlap):
    for seed in range(3):
        genes = made_genes("c", LENGTH, random.Random(seed))
        assert max(gene.end - gene.start for gene in genes) > 3000
        found = list(genes_of_contig("c", tiles_of(genes, LENGTH, window, overlap), LENGTH, 1))
        assert structures(gene for gene, _ in found) == structures(genes)
        assert [gene.name for gene, _ in found] == [f"c_{n + 1}" for n in range(len(genes))]


def single(start, end, strand="+", **cuts):
    return Piece(strand, "CDS", (Exon(start, end, 0),), **cuts)


def joined(*tiles):
    """Of tiles (start, end, (piece, score), ...) the genes as (start, end, score)."""
    given = [
        TileGenes("c", start, end, [piece for piece, _ in own], [score for _, score in own])
        for start, end, *own in tiles
    ]
    return [(gene.start, gene.end, score) for gene, score in genes_of_contig("c", given, 1600, 1)]


def test_of_genes_that_share_coding_bases_whole_ones_win_then_the_likelier():
    whole, other = (single(650, 950), -0.9), (single(620, 800), -0.5)
    fragment = single(650, 1000, cut_right=True), -0.01
    assert joined((0, 1000, fragment), (600, 1600, (single(50, 350), -0.9))) == [(650, 950, -0.9)]
    assert joined((0, 1000, whole, other), (600, 1600)) == [(620, 800, -0.5)]
    # On the other strand, or with fewer shared bases, both stay.
    reverse = single(620, 800, "-"), -0.5
    assert len(joined((0, 1000, whole, reverse), (600, 1600))) == 2
    assert len(joined((0, 1000, whole, (single(620, 680), -0.5)), (600, 1600))) == 1
    assert len(joined((0, 1000, whole, (single(400, 680), -0.5)), (600, 1600))) == 2


def test_a_gene_found_in_both_tiles_counts_once():
    assert joined((0, 1000, (single(650, 950), -0.2)), (600, 1600, (single(50, 350), -0.1))) == [
        (650, 950, -0.1)
    ]


def test_tiles_that_disagree_at_the_edge_leave_fragments_where_their_middles_are():
    left = single(300, 1000, cut_right=True), -0.1
    assert joined((0, 1000, left), (600, 1600, (single(0, 500, cut_left=True), -0.3))) == [
        (300, 1100, -0.2)
    ]
    other_frame = Piece("+", "CDS", (Exon(0, 500, 1),), cut_left=True), -0.3
    assert joined((0, 1000, left), (600, 1600, other_frame)) == [(300, 1000, -0.1)]
    late = single(850, 1000, cut_right=True), -0.1
    assert joined((0, 1000, late), (600, 1600)) == []


def test_parts_and_ranges_share_the_same_groups_of_tiles():
    lengths = {"a": 5000, "b:1-2": 300, "empty": 0}
    groups = groups_of(lengths, 400, 100, 4)
    assert [group[0].contig for group in groups] == ["a"] * 5 + ["b:1-2"]
    assert groups[-1][0].end == 300 and groups[4][-1].end == 5000
    whole = [group for group, _ in groups_of_part(groups, "0001-of-0001")]
    for count in (2, 3, 9):
        parts = [f"{n:04d}-of-{count:04d}" for n in range(1, count + 1)]
        assert [g for part in parts for g, _ in groups_of_part(groups, part)] == whole
    ranges = ["a:1-1000", "a:1001-5000", "b:1-2"]
    own = [
        tile
        for text in ranges
        for _, own in groups_of_ranges(groups, [text], lengths)
        for tile in own
    ]
    assert own == [tile for group in whole for tile in group]
    for wrong in ("c", "a:7-3", "a:0-3", "c:1-3"):
        with pytest.raises(InputError, match="--range"):
            list(groups_of_ranges(groups, [wrong], lengths))


def test_files_must_cover_the_genome_and_be_alike(tmp_path):
    tile = TileGenes("c", 0, 500, [single(3, 9)], [-0.123456789])
    settings = dict.fromkeys(["head", "genetic_code", "window", "overlap", "rules", "batch"], 1)
    settings["model"] = "x"
    write_pieces(tmp_path / "a.json", [tile], settings)
    write_pieces(tmp_path / "b.json", [replace(tile, start=400, end=900)], settings)
    write_pieces(tmp_path / "c.json", [tile], settings | {"model": "y"})
    paths = [tmp_path / name for name in ("b.json", "a.json", "c.json")]
    assert json.loads(paths[0].read_text())["tiles"][0]["start"] == 400

    def tiles_in(files, lengths):
        contigs = tiles_of_contigs(files, lengths, hashlib.sha256())
        return {contig: list(tiles) for contig, tiles in contigs}

    assert read_settings(paths[:2]) == settings
    found = tiles_in([*paths[:2], paths[1]], {"c": 900, "empty": 0})
    assert [one.start for one in found["c"]] == [0, 400] and not found["empty"]
    assert found["c"][0].pieces == tile.pieces and found["c"][0].scores == [-0.123457]
    with pytest.raises(InputError, match="c from base 501 on"):
        tiles_in(paths[1:2], {"c": 900})
    with pytest.raises(InputError, match="d from base 1 on"):
        tiles_in(paths[:2], {"d": 900, "c": 900})
    with pytest.raises(InputError, match="model differs"):
        read_settings(paths)
    with pytest.raises(InputError, match="c is not of this genome"):
        tiles_in(paths[:2], {"d": 900})
    paths[1].write_text(paths[1].read_text().removesuffix("]}\n"))
    with pytest.raises(InputError, match="its end is missing"):
        tiles_in(paths[:2], {"c": 900})
    write_pieces(paths[1], [tile, replace(tile, start=100), tile], settings)
    with pytest.raises(InputError, match="not in order"):
        tiles_in(paths[:2], {"c": 900})


def test_joining_takes_tiles_one_by_one_and_holds_few_genes():
    """Genes leave as soon as no later tile can change them."""
    draw = random.Random(1)
    genes = made_genes("c", LENGTH, draw)
    read = []
    tiles = (read.append(tile.end) or tile for tile in tiles_of(genes, LENGTH, 1200, 500))
    late = [read[-1] - gene.end for gene, _ in genes_of_contig("c", tiles, LENGTH, 1)]
    longest = max(gene.end - gene.start for gene in genes)
    assert max(late) < longest + 3 * 1200 < LENGTH / 3


def test_letters_of_a_contig_are_those_of_its_text(tmp_path, monkeypatch):
    monkeypatch.setattr(contig_letters, "_AHEAD", 50)
    text = letters(0, 1000)
    stored(tmp_path, {"a": b"ACGT", "c": text})
    found, draw = ContigLetters(open_genome(tmp_path / "g.fa.gz"), "c"), random.Random(0)
    for _ in range(200):
        start, end = sorted(draw.choices(range(1001), k=2))
        assert found[start:end] == text[start:end].decode()


# --- formats --------------------------------------------------------------------------------------

BOTH = {"c": 1000, "d": 1000}


@given(gene_lists().filter(bool))
def test_any_genes_of_one_transcript_come_back_from_gtf(tmp_path_factory, genes):
    genes = [replace(one, transcripts=one.transcripts[:1]) for one in genes]
    path = tmp_path_factory.mktemp("x") / "x.gtf"
    scores = {gene.name: 0.5 for gene in genes}
    path.write_text("#!x\n" + "".join(f"{line}\n" for line in gtf_lines(genes, "x", scores)))
    found, _ = read_genes([str(path)], BOTH)
    assert sorted(found, key=repr) == sorted(genes, key=repr)


@given(gene_lists())
def test_bed_and_fasta_have_the_blocks_and_letters_of_exons_and_introns(genes):
    sequence = letters(0, 1000).decode()
    exons, introns = exon_records(genes, sequence), intron_records(genes, sequence)
    lines = bed_lines(genes, {one.name: 0.5 for one in genes})
    for gene, line in zip([one for one in genes for _ in one.transcripts], lines, strict=True):
        contig, start, end, name, score, strand, *_, count, sizes, starts = line.split("\t")
        [transcript] = [one for one in gene.transcripts if one.name == name]
        sizes, starts = (list(map(int, text.split(","))) for text in (sizes, starts))
        blocks = [(int(start) + a, int(start) + a + n) for a, n in zip(starts, sizes, strict=True)]
        assert blocks == [exon[:2] for exon in transcript.exons]
        assert (contig, strand, int(score), int(count)) == (
            gene.contig,
            gene.strand,
            500,
            len(sizes),
        )
        assert int(end) == transcript.end
        parts = [next(exons)[1] for _ in blocks]
        between = [next(introns)[1] for _ in blocks[1:]]
        whole = "".join(a + b for a, b in zip(parts, [*between, ""], strict=True))
        span = sequence[transcript.start : transcript.end]
        assert whole == (span if gene.strand == "+" else reverse_complement(span))
    assert not [*exons, *introns]


def test_a_genome_without_genes_gives_files_that_can_be_read(tmp_path):
    stored(tmp_path, {"n": b"N" * 400})
    settings = {"head": "pointer", "genetic_code": 1, "window": 400, "overlap": 1, "rules": []}
    tile = TileGenes("n", 0, 400, [], [])
    write_pieces(tmp_path / "p.json", [tile], settings | {"batch": 1, "model": "x"})
    files = ["--pieces", tmp_path / "p.json", "--genome", tmp_path / "g.fa.gz"]
    run(join_genet5, *files, "--program", "x", "--out", tmp_path / "out")
    for kind in ("gff3", "gtf"):
        assert read_genes([f"{tmp_path}/out.{kind}"], {"n": 400}) == ([], {})


# --- scripts --------------------------------------------------------------------------------------


def run(script, *arguments):
    script.main(script.arguments().parse_args(list(map(str, arguments))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of random weights and a genome."""
    folder = tmp_path_factory.mktemp("genet5")
    network = model(3)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for layer in network.decoder.layer:
            layer.cross.output.weight.normal_(0, 0.2, generator=generator)
        network.segment.labels.bias[0] = -2  # of intergenic, so that labels show genes
    save_model(folder / "model", network, dna_tokenizer(), {})
    stored(folder, {"one": letters(1, 5000), "two.x": letters(2, 900), "no": b"", "n": b"N" * 400})
    return folder


@pytest.mark.parametrize("head", ["pointer", "segment"])
def test_genes_do_not_depend_on_how_a_genome_was_divided(folder, head):
    genome = folder / "g.fa.gz"
    common = ["--model", folder / "model", "--genome", genome, "--genetic-code", 4]
    common += ["--window", 600, "--overlap", 200, "--batch", 3, "--head", head]
    divisions = [[["--part", "0001-of-0001"]]]
    divisions += [[["--range", "two.x", "one:1701-5000"], ["--range", "n", "one:1-1700"]]]
    written = []
    for number, division in enumerate(divisions):
        pieces = [folder / f"{head}{number}_{n}.json" for n in range(len(division))]
        for path, where in zip(pieces, division, strict=True):
            run(predict_genet5, *common, *where, "--out", path)
        prefix = folder / f"{head}{number}" / "genes.x"
        options = ["--genome", genome, "--genetic-code", 4, "--program", "mine", "--out", prefix]
        run(join_genet5, "--pieces", *pieces, *options)
        written.append({path.name: path.read_bytes() for path in prefix.parent.iterdir()})
    assert written[0] == written[1]
    names = [".gff3", ".gtf", ".bed", ".proteins.faa", ".exons.fna", ".introns.fna", ".json"]
    assert set(written[0]) == {f"genes.x{suffix}" for suffix in names}

    lengths = {"one": 5000, "two.x": 900, "no": 0, "n": 400}
    genes, _ = read_genes([str(prefix) + ".gff3"], lengths)
    assert genes and genes == read_genes([str(prefix) + ".gtf"], lengths)[0]
    assert {gene.genetic_code for gene in genes if gene.biotype == "CDS"} == {4}
    card = json.loads(Path(f"{prefix}.json").read_text())
    assert card["genes"] == len(genes) and card["program"] == "mine" and card["head"] == head
    coding = [gene.canonical.name for gene in genes if gene.biotype == "CDS"]
    assert [one.id for one in SeqIO.parse(f"{prefix}.proteins.faa", "fasta")] == coding
    texts = Path(f"{prefix}.gff3").read_text().splitlines()
    assert texts[:3] == [
        "##gff-version 3",
        "##sequence-region one 1 5000",
        "##sequence-region two.x 1 900",
    ]
    scores = [float(text.split("\t")[5]) for text in texts if not text.startswith("#")]
    assert all(0 < score <= 1 for score in scores)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A model that knows four windows by heart, as contigs of a genome; their genes."""
    folder = tmp_path_factory.mktemp("fitted")
    examples = [gene_example(seed, genes=2) for seed in range(4)]
    windows = window_batch(examples)
    targets = target_batch(examples, codec(), Rules())
    known = torch.zeros_like(windows.bases)
    for row, one in zip(known, examples, strict=True):
        row[: len(one.letters)] = torch.from_numpy(labels(one.pieces, len(one.letters)))
    network = model().train()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(120):
        sums = loss_sums(network(windows, *steps_of(targets)), targets, windows, 0, known)
        optimizer.zero_grad()
        (sums.loss / sums.count + sums.segment.loss / sums.segment.count).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1)
        optimizer.step()
    save_model(folder / "model", network, dna_tokenizer(), {})
    contigs = {f"c{number}": one.letters for number, one in enumerate(examples)}
    stored(folder, {name: text.encode() for name, text in contigs.items()})
    truth = [
        (name, piece.strand, piece.exons)
        for name, one in zip(contigs, examples, strict=True)
        for piece in one.pieces
    ]
    return folder, {name: len(text) for name, text in contigs.items()}, truth


@pytest.mark.parametrize("head", ["pointer", "segment"])
def test_a_model_that_knows_a_genome_by_heart_finds_its_genes(fitted, head):
    folder, lengths, truth = fitted
    common = ["--genome", folder / "g.fa.gz", "--genetic-code", 11]
    pieces, prefix = folder / f"{head}.json", folder / head / "genes"
    run(predict_genet5, *common, "--model", folder / "model", "--head", head, "--out", pieces)
    run(join_genet5, *common, "--pieces", pieces, "--program", "mine", "--out", prefix)
    found, _ = read_genes([f"{prefix}.gff3"], lengths)
    assert [(gene.contig, gene.strand, gene.canonical.exons) for gene in found] == truth


def test_another_genetic_code_than_that_of_the_pieces_is_refused(folder):
    settings = {"head": "segment", "genetic_code": 4, "window": 900, "overlap": 1, "rules": []}
    lengths = {"one": 5000, "two.x": 900, "no": 0, "n": 400}
    tiles = [TileGenes(name, 0, length, [], []) for name, length in lengths.items()]
    write_pieces(folder / "p.json", tiles, settings | {"batch": 1, "model": "x"})
    options = ["--genome", folder / "g.fa.gz", "--program", "x", "--out", folder / "y"]
    with pytest.raises(InputError, match="genes were predicted by table 4; give that"):
        run(join_genet5, "--pieces", folder / "p.json", *options)
