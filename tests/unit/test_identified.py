"""What `export.py identified` writes is what VirNucPro writes; what `coding` keeps is coding."""

import gzip
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from Bio import SeqIO
from Bio.Seq import Seq, reverse_complement, translate
from Bio.SeqFeature import CompoundLocation, SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord
from hypothesis import given, settings
from hypothesis import strategies as st
from seqs_data import letters
from virnucpro_reference import identified, stop_free_frames, window_starts

import coding
import export
import frames
import index
import plan
from seqloom.errors import InputError
from seqloom.seqs.annotations import read_annotations
from seqloom.seqs.demo_files import demo_files
from seqloom.seqs.shards import read_records
from seqloom.seqs.simulate import simulate

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="no real genomes beside the repository")
both_windows = pytest.mark.parametrize("window", [300, 500])
both_modes = pytest.mark.parametrize("training", ["all", "virnucpro"])


def in_process(script, *words):
    script.main(script.arguments().parse_args([*map(str, words)]))


def as_process(script, *words):
    subprocess.run([sys.executable, script.__file__, *map(str, words)], check=True)


def index_sample(folder, fasta, call=in_process):
    out = ["--genome", folder / "g.fa.gz", "--records", folder / "g.tsv"]
    call(index, "--sample", "s", "--molecule", "dna", "--fasta", fasta, *out)


def write_coding(folder, annotation, code, call=in_process):
    words = ["--annotation", annotation, "--records", folder / "g.tsv", "--genetic-code", code]
    call(coding, *words, "--out", folder / "coding.parquet")


def write_shards(folder, cut, call=in_process):
    """Plan an indexed sample under a cut and read its frames, in three shards."""
    genome, planned = ["--genome", folder / "g.fa.gz"], folder / "plan.parquet"
    annotated = ["--coding", folder / "coding.parquet"] if "--training" in cut else []
    out = ["--contigs", folder / "contigs.tsv", "--out", planned]
    call(plan, *genome, "--records", folder / "g.tsv", *cut, *annotated, *out)
    names = ["--sample", "s", "--cut-name", "c", *genome, "--plan", planned]
    for number in (1, 2, 3):
        shard = f"{number:04}-of-0003"
        call(frames, *names, *cut, "--shard", shard, "--out", folder / "shards" / shard)


def written(folder, fasta, window, gbff=None, call=in_process):
    """Both files of `export.py identified`; those of training if there is an annotation."""
    cut = ["--window", window, "--scheme", "virnucpro", "--frames", "virnucpro"]
    cut += ["--genetic-code", 1]
    index_sample(folder, fasta, call)
    if gbff:
        write_coding(folder, gbff, 1, call)
        cut += ["--training", "virnucpro"]
    write_shards(folder, cut, call)
    shards = folder / "shards" / "*-of-0003.parquet"
    call(export, "identified", "--frames", shards, "--out", folder / "s")
    return tuple(
        (folder / f"s.identified_{kind}.fa").read_bytes().decode()
        for kind in ("nucleotide", "protein")
    )


def opened(path):
    return gzip.open(path, "rt") if path.suffix == ".gz" else open(path)


def records_of(fasta):
    with opened(fasta) as text:
        return [(record.id, str(record.seq)) for record in SeqIO.parse(text, "fasta")]


def translations_of(gbff):
    """The translations of every record, as Biopython reads them."""
    with opened(gbff) as text:
        return {
            record.id: [
                feature.qualifiers["translation"][0]
                for feature in record.features
                if feature.type == "CDS" and "translation" in feature.qualifiers
            ]
            for record in SeqIO.parse(text, "genbank")
        }


def expected(fasta, window, gbff=None):
    return identified(records_of(fasta), window, translations_of(gbff) if gbff else None)


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


def cds(locations, phase, translation):
    location = CompoundLocation(locations) if len(locations) > 1 else locations[0]
    qualifiers = {"codon_start": phase + 1, "translation": translation}
    return SeqFeature(location, "CDS", qualifiers=qualifiers)


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


def test_the_programs_give_it_as_processes_too(demo, tmp_path):
    fasta, gbff = demo / "viral.fa.gz", demo / "viral.gbff.gz"
    assert written(tmp_path, fasta, 300, gbff, as_process) == expected(fasta, 300, gbff)


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
    records, gbff, features = records_of(awkward), tmp_path / "x.gbff", defaultdict(list)
    sequences = dict(records)
    for number, (name, protein) in enumerate(some_proteins(records, window)):
        # Whole, inside something longer, too short by a residue on either side, of another record.
        text = (protein, f"M{protein}KR", protein[1:], protein[:-1], "")[number % 5]
        if text:
            whole = SimpleLocation(0, len(sequences[name]), (1, -1)[number % 2])
            features[name].append(cds([whole], 0, text))
    write_gbff(gbff, records, features)
    want = expected(awkward, window, gbff)
    assert 20 < want[0].count(">") < 0.7 * expected(awkward, window)[0].count(">")
    assert written(tmp_path, awkward, window, gbff) == want


# One of them has a letter: FASTA of headers alone is refused.
contigs = st.lists(st.text("AACCCGGGGTTNr", max_size=200), min_size=1, max_size=4).filter(any)


@settings(deadline=None, max_examples=60)
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
                features[name].append(cds([SimpleLocation(0, 1, 1)], 0, text or "M"))
            write_gbff(gbff, records, features)
        assert written(folder, fasta, window, gbff) == expected(fasta, window, gbff)


# --- real genomes -------------------------------------------------------------------------------


@needs_data
@both_windows
@pytest.mark.parametrize(
    "genome",
    [
        "viral/enterobacteria_phage_lambda_NC_001416",
        "viral/hcov_229E_NC_002645",
        "viral/microviridae_100_pharokka",  # 100 contigs, some with N, R and Y
        "bacteria/mycoplasmoides_alvi_ATCC29626",  # its code is 4, that of VirNucPro always 1
    ],
)
def test_real_genomes_give_what_virnucpro_writes(tmp_path, genome, window):
    fasta = DATA / f"{genome}.fa.gz"
    assert written(tmp_path, fasta, window) == expected(fasta, window)


def real_gbff(path, genome, code):
    """The CDS of a GFF3 as GenBank, with the translations that Biopython makes of them."""
    records = records_of(DATA / f"{genome}.fa.gz")
    sequences = {name: Seq(sequence.upper()) for name, sequence in records}
    lengths = {name: len(sequence) for name, sequence in records}
    table = read_annotations([str(DATA / f"{genome}.gff.gz")], lengths, code).to_pandas()
    features = defaultdict(list)
    for _, parts in table.groupby("cds"):
        parts = parts.sort_values("start", ascending=parts["strand"].iloc[0] == "+")
        places = [
            SimpleLocation(part.start, part.end, 1 if part.strand == "+" else -1)
            for part in parts.itertuples()
        ]
        contig, phase = parts["contig"].iloc[0], int(parts["phase"].iloc[0])
        feature = cds(places, phase, "")
        codons = feature.extract(sequences[contig])[phase:]
        protein = codons[: len(codons) // 3 * 3].translate(table=code)
        feature.qualifiers["translation"] = str(protein).rstrip("*")
        features[contig].append(feature)
    write_gbff(path, records, features)


@needs_data
@both_windows
@pytest.mark.parametrize(
    "genome",
    [
        "viral/escherichia_phage_lambda_imm21_OM418625",
        "viral/hcov_229E_NC_002645",
        "viral/influenza_A_Korea_H2N2",  # eight contigs
        "bacteria/mycoplasmoides_alvi_ATCC29626",
        "plant/arabidopsis_thaliana_TAIR10_1pct",  # introns
    ],
)
def test_real_genomes_give_what_virnucpro_trains_on(tmp_path, genome, window):
    fasta, gbff = DATA / f"{genome}.fa.gz", tmp_path / "x.gbff"
    real_gbff(gbff, genome, code_of(genome))
    want = expected(fasta, window, gbff)
    assert ">" in want[0]
    assert written(tmp_path, fasta, window, gbff) == want


# --- coding frames ------------------------------------------------------------------------------

# Windows of 300: CDS; of `open`, then of `longest_orf`: frames, coding ones of these, and CDS that
# hold one of these in one piece.
FACTS = {
    "animal/caenorhabditis_elegans_1pct": (260, 551, 108, 121, 3338, 112, 114),
    "bacteria/mycoplasmoides_alvi_ATCC29626": (679, 2165, 1833, 556, 2800, 1974, 596),
    "bacteria/streptococcus_pyogenes_M1_GAS_NC_002737": (1853, 3843, 3584, 1339, 6174, 4322, 1542),
    "fungi/saccharomyces_cerevisiae_S288C_7chr": (1595, 6764, 5949, 1334, 10699, 6334, 1419),
    "plant/arabidopsis_thaliana_TAIR10_1pct": (460, 890, 445, 229, 3976, 496, 262),
    "plant/arabidopsis_thaliana_chloroplast_NC_000932": (85, 195, 177, 42, 513, 201, 51),
    "viral/enterobacteria_phage_T4_NC_000866": (278, 317, 290, 126, 564, 378, 171),
    "viral/enterovirus_D68_AY426531": (11, 21, 21, 6, 25, 22, 6),
    "viral/escherichia_phage_lambda_imm21_OM418625": (70, 130, 81, 38, 154, 76, 42),
    "viral/hcov_229E_NC_002645": (11, 86, 82, 8, 92, 81, 8),
    "viral/hcov_HKU1_NC_006577": (12, 97, 92, 10, 100, 90, 10),
    "viral/hcov_NL63_NC_005831": (10, 86, 85, 9, 92, 88, 9),
    "viral/hcov_OC43_AY391777": (12, 96, 92, 9, 103, 91, 10),
    "viral/hepatitis_A_virus_NC_001489": (2, 22, 21, 1, 25, 21, 1),
    "viral/hepatitis_B_virus_NC_003977": (7, 15, 12, 7, 11, 9, 7),
    "viral/hiv1_HXB2_NC_001802": (18, 23, 21, 7, 31, 21, 8),
    "viral/influenza_A_Korea_H2N2": (14, 40, 33, 10, 47, 40, 11),
    "viral/influenza_A_PR8_H1N1": (14, 42, 31, 10, 48, 37, 10),
    "viral/influenza_B_Brisbane": (8, 47, 28, 6, 50, 33, 7),
    "viral/monkeypox_virus_NC_063383": (179, 412, 385, 135, 656, 474, 163),
    "viral/mycobacterium_phage_L5_Z18946": (90, 214, 78, 37, 175, 60, 36),
}
WITHOUT_CDS = ("chikungunya_NC_004162", *(f"dengue_virus_{number}" for number in (1, 2, 3, 4)))


def code_of(genome):
    return 4 if "mycoplasmoides" in genome else 11


def parts_of(genome):
    """(cds, contig, start, end, strand, lattice) of every part of a CDS of a GFF3, line by line.

    A lattice is where codons begin on the forward strand, modulo 3.
    """
    with gzip.open(DATA / f"{genome}.gff.gz", "rt") as text:
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


@needs_data
@pytest.mark.parametrize("genome", FACTS)
def test_frames_of_a_real_genome_are_coding_if_an_annotation_says_so(tmp_path, genome):
    fasta, code = DATA / f"{genome}.fa.gz", code_of(genome)
    sequences = {name: sequence.upper() for name, sequence in records_of(fasta)}
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
    write_coding(tmp_path, DATA / f"{genome}.gff.gz", code)
    facts = [len({part[0] for part in parts})]
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
        facts += [len(everything), len(kept), len(hit_cds(parts, kept))]
    assert tuple(facts) == FACTS[genome]


@needs_data
def test_the_facts_cover_every_annotated_genome():
    known = {*FACTS, *(f"viral/{name}" for name in WITHOUT_CDS)}
    assert {str(path.relative_to(DATA))[:-7] for path in DATA.glob("*/*.gff.gz")} == known


@needs_data
@pytest.mark.parametrize("name", WITHOUT_CDS)
def test_an_annotation_without_cds_stops_with_a_sentence(tmp_path, name):
    index_sample(tmp_path, DATA / f"viral/{name}.fa.gz")
    annotation = DATA / f"viral/{name}.gff.gz"
    with pytest.raises(InputError) as caught:
        write_coding(tmp_path, annotation, 1)
    assert str(caught.value) == (
        f"{annotation}: there is no usable CDS in this annotation; "
        "remove it from the sample sheet, or give one with CDS features"
    )
    assert not (tmp_path / "coding.parquet").exists()
