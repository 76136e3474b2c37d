"""What `export.py identified` writes is what VirNucPro writes; what `coding` keeps is coding."""

import gzip
import re
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from Bio import SeqIO
from Bio.Seq import Seq, reverse_complement, translate
from Bio.SeqFeature import SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord
from facts import code_of, genome_file, if_shared, sequences_of, text_of
from hypothesis import given, settings
from hypothesis import strategies as st
from seqs_data import letters
from virnucpro_reference import identified, stop_free_frames, window_starts

import coding
import export
import frames
import index
import plan
from seqloom.demo.demo_files import demo_files
from seqloom.demo.simulate import simulate
from seqloom.seqs.contigs import read_contigs
from seqloom.seqs.shards import read_records

both_windows = pytest.mark.parametrize("window", [300, 500])
both_modes = pytest.mark.parametrize("training", ["all", "virnucpro"])


def call(script, *words):
    script.main(script.arguments().parse_args([*map(str, words)]))


def index_sample(folder, fasta):
    out = ["--genome", folder / "g.fa.gz", "--records", folder / "g.tsv"]
    call(index, "--sample", "s", "--molecule", "dna", "--fasta", fasta, *out)


def write_coding(folder, annotation, code):
    words = ["--annotation", annotation, "--records", folder / "g.tsv", "--genetic-code", code]
    call(coding, *words, "--out", folder / "coding.parquet")


def write_shards(folder, cut):
    """Plan an indexed sample under a cut and read its frames, in three shards."""
    genome, planned = ["--genome", folder / "g.fa.gz"], folder / "plan.parquet"
    annotated = ["--coding", folder / "coding.parquet"] if "--training" in cut else []
    out = ["--contigs", folder / "contigs.tsv", "--out", planned]
    call(plan, *genome, "--records", folder / "g.tsv", *cut, *annotated, *out)
    names = ["--sample", "s", "--cut-name", "c", *genome, "--plan", planned]
    for number in (1, 2, 3):
        shard = f"{number:04}-of-0003"
        call(frames, *names, *cut, "--shard", shard, "--out", folder / "shards" / shard)


def written(folder, fasta, window, gbff=None):
    """Both files of `export.py identified`; those of training if there is an annotation."""
    cut = ["--window", window, "--scheme", "virnucpro", "--frames", "virnucpro"]
    cut += ["--genetic-code", 1]
    index_sample(folder, fasta)
    if gbff:
        write_coding(folder, gbff, 1)
        cut += ["--training", "virnucpro"]
    write_shards(folder, cut)
    shards = sorted((folder / "shards").glob("*.parquet"))
    call(export, "identified", "--frames", *shards, "--out", folder / "s")
    return tuple(
        (folder / f"s.identified_{kind}.fa").read_bytes().decode()
        for kind in ("nucleotide", "protein")
    )


def translations_of(gbff):
    """The translations of every record, as Biopython reads them."""
    with text_of(gbff) as text:
        return {
            record.id: [
                feature.qualifiers["translation"][0]
                for feature in record.features
                if feature.type == "CDS" and "translation" in feature.qualifiers
            ]
            for record in SeqIO.parse(text, "genbank")
        }


def expected(fasta, window, gbff=None):
    return identified(
        [*sequences_of(fasta).items()], window, translations_of(gbff) if gbff else None
    )


def write_gbff(path, records, features):
    """A GenBank file of these records (name, sequence), with the features of each."""
    found = [
        SeqRecord(
            Seq(sequence),
            id=name,
            name=f"record{number}",
            features=features[name],
            annotations={"molecule_type": "DNA"},
        )
        for number, (name, sequence) in enumerate(records)
        if features[name]
    ]
    SeqIO.write(found, path, "genbank")


def cds(start, end, strand, translation):
    qualifiers = {"codon_start": 1, "translation": translation}
    return SeqFeature(SimpleLocation(start, end, strand), "CDS", qualifiers=qualifiers)


def some_proteins(records, window):
    """(record, protein) of every frame without a stop."""
    return [
        (name, protein)
        for name, sequence in records
        for start in window_starts(len(sequence), window)
        for _, _, protein in stop_free_frames(sequence[start : start + window])
        if protein
    ]


# --- made genomes -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    for name, text in demo_files(simulate(seed=3)).items():
        (folder / name).write_bytes(gzip.compress(text.encode()))
    return folder


@both_modes
@both_windows
@pytest.mark.parametrize("category", ["viral", "bacteria", "fungi"])
def test_made_genomes_give_what_virnucpro_writes(demo, tmp_path, category, window, training):
    fasta, gbff = demo / f"{category}.fa.gz", demo / f"{category}.gbff.gz"
    gbff = gbff if training == "virnucpro" else None
    want = expected(fasta, window, gbff)
    assert want[0].count(">") > 20
    assert written(tmp_path, fasta, window, gbff) == want


# --- awkward records ----------------------------------------------------------------------------


def awkward_records():
    """(header, sequence): short ones, both cases, unclear letters, names that look like others."""
    lengths = [601, 501, 500, 301, 300, 299, 137, 3, 2, 1, 0, 2000]
    names = ["gi|12|ref|NC_1.1|", "chr/1:2-3", "NA", "007", "1e5", "a;b=c", "x_chunk_1F1", "#7"]
    names += [f"c{number}" for number in range(len(lengths) - len(names))]
    found = [
        (f"{name} of {length} bases, [made]", letters(length, length, b"ACCGGCGGCCTG").decode())
        for name, length in zip(names, lengths, strict=True)
    ]
    long = found[-1][1]
    found += [("lower", long.lower()), ("masked", long[:450] + long[450:900].lower() + long[900:])]
    found += [("runs", "N" * 70 + long[:800] + "N" * 40 + long[840:1500] + "n" * 700 + long[:100])]
    found += [
        ("unclear", "N" * 700),
        ("iupac", letters(1, 1300, b"ACCGGCGGCCTG" * 10 + b"RYMKSWHBVDN").decode()),
    ]
    # One unclear letter at the edge of a window that the next one shares or does not.
    found += [(f"at{i}", long[:i] + "R" + long[i + 1 : 601]) for i in (199, 200, 299, 300, 600)]
    return found


@pytest.fixture(scope="module")
def awkward(tmp_path_factory):
    fasta = tmp_path_factory.mktemp("awkward") / "awkward.fa"
    with open(fasta, "w") as out:
        for header, sequence in awkward_records():
            lines = [sequence[start : start + 60] for start in range(0, len(sequence), 60)]
            print(f">{header}", *lines, sep="\n", file=out)
    return fasta


@both_windows
def test_awkward_records_give_what_virnucpro_writes(awkward, tmp_path, window):
    want = expected(awkward, window)
    for name in ("gi|12|ref|NC_1.1|", "chr/1:2-3", "x_chunk_1F1", "lower", "runs", "iupac"):
        assert f">{name}_chunk_" in want[0]
    assert written(tmp_path, awkward, window) == want


@both_windows
def test_awkward_records_give_what_virnucpro_trains_on(awkward, tmp_path, window):
    sequences, gbff, features = sequences_of(awkward), tmp_path / "x.gbff", defaultdict(list)
    records = [*sequences.items()]
    for number, (name, protein) in enumerate(some_proteins(records, window)):
        # Whole, inside something longer, too short by a residue on either side, of another record.
        text = (protein, f"M{protein}KR", protein[1:], protein[:-1], "")[number % 5]
        if text:
            features[name].append(cds(0, len(sequences[name]), (1, -1)[number % 2], text))
    write_gbff(gbff, records, features)
    want = expected(awkward, window, gbff)
    assert 20 < want[0].count(">") < 0.7 * expected(awkward, window)[0].count(">")
    assert written(tmp_path, awkward, window, gbff) == want


# One of them has a letter: FASTA of headers alone is refused.
contigs = st.lists(st.text("AACCCGGGGTTNr", max_size=200), min_size=1, max_size=4).filter(any)


@settings(max_examples=60)
@given(contigs, st.integers(30, 60), st.booleans(), st.data())
def test_random_contigs_give_what_virnucpro_writes(sequences, window, training, data):
    records = [(f"c|{number}", sequence) for number, sequence in enumerate(sequences)]
    known = some_proteins(records, window)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fasta, gbff = folder / "s.fa", None
        fasta.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in records))
        if training and known:
            gbff, features = folder / "x.gbff", defaultdict(list)
            for home, protein in data.draw(st.lists(st.sampled_from(known), min_size=1)):
                name, sequence = data.draw(st.sampled_from([r for r in records if r[1]]))
                name, sequence = data.draw(st.sampled_from([(name, sequence), (home, "A")]))
                first, last = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 1))
                text = data.draw(st.sampled_from(["", "M"])) + protein[first : len(protein) - last]
                features[name].append(cds(0, 1, 1, text or "M"))
            write_gbff(gbff, records, features)
        assert written(folder, fasta, window, gbff) == expected(fasta, window, gbff)


# --- real genomes -------------------------------------------------------------------------------


@both_windows
@pytest.mark.parametrize(
    "genome",
    [
        "hiv_1",
        "microvirus",  # with a Y
        "mycoplasma_mycoides",  # its code is 4, that of VirNucPro always 1
        if_shared("viral/microviridae_100_pharokka"),  # 100 contigs, some with N, R and Y
        if_shared("bacteria/mycoplasmoides_alvi_ATCC29626"),
    ],
)
def test_real_genomes_give_what_virnucpro_writes(tmp_path, genome, window):
    fasta = genome_file(genome, "fa")
    assert written(tmp_path, fasta, window) == expected(fasta, window)


@both_windows
@pytest.mark.parametrize(
    "genome", ["hepatitis_b", "influenza_a_korea", "mycoplasma_mycoides", "phage_vt2_sakai"]
)
def test_real_genomes_give_what_virnucpro_trains_on(tmp_path, genome, window):
    fasta, gbff = genome_file(genome, "fa"), genome_file(genome, "gbff")
    want = expected(fasta, window, gbff)
    # In code 1, which VirNucPro takes for all, no window of 500 bases of the mycoplasma is open.
    assert (">" in want[0]) == ((genome, window) != ("mycoplasma_mycoides", 500))
    assert written(tmp_path, fasta, window, gbff) == want


# --- coding frames ------------------------------------------------------------------------------

# Windows of 300: CDS; of `open`, then of `longest_orf`: frames, coding ones of these, and CDS that
# hold one of these in one piece.
FACTS = {
    "hepatitis_b": (7, 15, 12, 7, 11, 9, 7),
    "hiv_1": (18, 23, 21, 7, 31, 21, 8),
    "influenza_a_korea": (14, 40, 33, 10, 47, 40, 11),
    "mycoplasma_mycoides": (3, 12, 6, 3, 16, 8, 3),
    "phage_vt2_sakai": (10, 9, 8, 4, 17, 10, 5),
    "saccharomyces_cerevisiae": (3, 24, 23, 2, 31, 24, 3),
}
WHOLE_GENOMES = {
    "animal/caenorhabditis_elegans_1pct": (260, 551, 108, 121, 3338, 112, 114),
    "bacteria/mycoplasmoides_alvi_ATCC29626": (679, 2165, 1833, 556, 2800, 1974, 596),
    "plant/arabidopsis_thaliana_TAIR10_1pct": (460, 890, 445, 229, 3976, 496, 262),
    "plant/arabidopsis_thaliana_chloroplast_NC_000932": (85, 195, 177, 42, 513, 201, 51),
    "viral/enterobacteria_phage_T4_NC_000866": (278, 317, 290, 126, 564, 378, 171),
    "viral/hepatitis_A_virus_NC_001489": (2, 22, 21, 1, 25, 21, 1),
}


def parts_of(genome):
    """(cds, contig, start, end, strand, lattice) of every part of a CDS of a GFF3, line by line.

    A lattice is where codons begin on the forward strand, modulo 3.
    """
    with text_of(genome_file(genome, "gff")) as text:
        lines = [line for line in text if line.count("\t") == 8]
    pseudogenes = {re.search("ID=([^;]*)", line)[1] for line in lines if "pseudo=true" in line}
    for number, line in enumerate(lines):
        parent = re.search("Parent=([^;]*)", line)
        is_pseudo = "pseudo=true" in line or (parent and parent[1] in pseudogenes)
        if line.split("\t")[2] == "CDS" and not is_pseudo:
            contig, _, _, start, end, _, strand, phase, text = line.rstrip().split("\t")
            attributes = dict(cell.split("=", 1) for cell in text.split(";") if "=" in cell)
            cds = contig, attributes.get("ID") or attributes.get("Parent") or number
            start, end, phase = int(start) - 1, int(end), int(phase)
            lattice = (start + phase if strand == "+" else end - phase) % 3
            yield cds, contig, start, end, strand, lattice


def frames_in(folder):
    """The frames of all shards, with their letters."""
    found = []
    for path in sorted((folder / "shards").glob("*.parquet")):
        table = pq.read_table(path).to_pandas()
        table = table[table["status"] == "ok"]
        for column, suffix in (("nucleotides", ".fna"), ("protein", ".faa")):
            ids, table[column] = read_records(path.with_suffix(suffix))
            assert ids == table["id"].tolist()
        found.append(table)
    return pd.concat(found, ignore_index=True)


def lies_in(frame, covered):
    """Whether every base of a frame is read in its codons by some CDS."""
    bases = covered[frame.contig, frame.strand, frame.frame_start % 3]
    return bases[int(frame.frame_start) : int(frame.frame_end)].all()


def check_translation(frame, sequence, code):
    bases = sequence[int(frame.frame_start) : int(frame.frame_end)]
    assert frame.nucleotides == (bases if frame.strand == "+" else reverse_complement(bases))
    if not frame.ambiguous:
        assert frame.protein == translate(frame.nucleotides, table=code)


def check_contigs(folder, sequences, kept):
    """A row per contig, in input order, that is true of its sequence and its frames."""
    table = read_contigs(folder / "contigs.tsv")
    assert table["contig"].tolist() == list(sequences)
    for row in table.itertuples():
        sequence = sequences[row.contig]
        clear = [sequence.count(letter) for letter in "ACGT"]
        assert (row.length, row.windows) == (len(sequence), -(-len(sequence) // 300))
        assert row.gc == round(sum(clear[1:3]) / sum(clear), 4)
        assert row.kept_frames == (kept["contig"] == row.contig).sum()


def hit_cds(parts, kept):
    """The CDS that hold a frame in one piece."""
    places = {
        key: (group["frame_start"].to_numpy(int), group["frame_end"].to_numpy(int))
        for key, group in kept.groupby(["contig", "strand", kept["frame_start"] % 3])
    }
    found = set()
    for cds, contig, start, end, strand, lattice in parts:
        begins, ends = places.get((contig, strand, lattice), np.zeros((2, 0)))
        if ((start <= begins) & (ends <= end)).any():
            found.add(cds)
    return found


@pytest.mark.parametrize(
    ("genome", "facts"), [*FACTS.items(), *(if_shared(*facts) for facts in WHOLE_GENOMES.items())]
)
def test_frames_of_a_real_genome_are_coding_if_an_annotation_says_so(tmp_path, genome, facts):
    fasta, code = genome_file(genome, "fa"), code_of(genome)
    sequences = {name: sequence.upper() for name, sequence in sequences_of(fasta).items()}
    parts = list(parts_of(genome))
    covered = defaultdict(
        bool,
        {
            (name, strand, lattice): np.zeros(len(sequence), bool)
            for name, sequence in sequences.items()
            for strand in "+-"
            for lattice in range(3)
        },
    )
    for _, contig, start, end, strand, lattice in parts:
        covered[contig, strand, lattice][start:end] = True
    index_sample(tmp_path, fasta)
    write_coding(tmp_path, genome_file(genome, "gff"), code)
    found = [len({part[0] for part in parts})]
    for rule in ("open", "longest_orf"):
        cut = ["--window", 300, "--frames", rule, "--genetic-code", code]
        write_shards(tmp_path, cut)
        everything = frames_in(tmp_path)
        write_shards(tmp_path, [*cut, "--training", "coding"])
        kept = frames_in(tmp_path)
        coding_ones = [lies_in(frame, covered) for frame in everything.itertuples()]
        columns = ["id", "frame_start", "frame_end", "nucleotides", "protein"]
        want = everything.loc[coding_ones, columns]
        assert kept[columns].to_numpy().tolist() == want.to_numpy().tolist()
        for frame in kept.itertuples():
            check_translation(frame, sequences[frame.contig], code)
        found += [len(everything), len(kept), len(hit_cds(parts, kept))]
        check_contigs(tmp_path, sequences, kept)
    assert tuple(found) == facts
