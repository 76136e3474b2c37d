"""Small annotations as text, and their genes as read."""

from hypothesis import strategies as st

from seqloom.errors import InputError
from seqloom.seqs.gene_reader import read_genes
from seqloom.seqs.genes import Exon, Gene, Transcript


def line(kind, start, end, strand="+", phase=".", attributes="", seqid="c"):
    """A line of GFF3 or GTF."""
    return (
        "\t".join(map(str, (seqid, "x", kind, start, end, ".", strand, phase, attributes))) + "\n"
    )


def gff3(*lines):
    """A GFF3 file of lines of the contig c: (kind, start, end, strand, phase, attributes)."""
    return "##gff-version 3\n" + "".join(line(*columns) for columns in lines)


def circle(length):
    return ("region", 1, length, ".", ".", "ID=c:1;Is_circular=true")


def genbank(*features, topology="linear"):
    """A GenBank record of 1000 bases; features are (kind, location, qualifier, ...)."""
    lines = [
        f"LOCUS       c                       1000 bp    DNA     {topology:<8} BCT 01-JAN-2000"
    ]
    lines += ["DEFINITION  .", "ACCESSION   c", "VERSION     c"]
    lines += ["FEATURES             Location/Qualifiers"]
    for kind, location, *qualifiers in features:
        lines.append(f"     {kind:<15} {location}")
        lines += [f"                     /{qualifier}" for qualifier in qualifiers]
    return "\n".join([*lines, "ORIGIN", "//"]) + "\n"


def read(folder, text, lengths=None):
    """The genes and the oddities of an annotation."""
    path = folder / "x"
    path.write_text(text)
    genes, oddities = read_genes([str(path)], lengths or {"c": 1000})
    return genes, dict(oddities)


def error(folder, text):
    """The sentence of its error, without the folder of the test."""
    try:
        read(folder, text)
    except InputError as caught:
        return str(caught).replace(f"{folder}/", "")


def gene(name, strand, *transcripts, biotype="CDS", contig="c", **others):
    """A gene of transcripts (name, (start, end, phase), ...)."""
    made = tuple(
        Transcript(key, tuple(Exon(*exon) for exon in exons)) for key, *exons in transcripts
    )
    return Gene(name, contig, strand, biotype, made, **others)


def places(genes):
    """Of each gene its name and the exons of each transcript."""
    return {
        one.name: [[tuple(exon) for exon in transcript.exons] for transcript in one.transcripts]
        for one in genes
    }


@st.composite
def exon_lists(draw, first, last, strand, phase):
    """Exons that neither touch nor overlap, with the phases that follow from the first."""
    cuts = draw(st.lists(st.integers(first, last), min_size=2, max_size=8, unique=True))
    cuts = sorted(cuts[: len(cuts) // 2 * 2])
    places = list(zip(cuts[::2], cuts[1::2], strict=True))
    exons, read = [], 0
    for start, end in places if strand == "+" else places[::-1]:
        exons.append(Exon(start, end, None if phase is None else (phase - read) % 3))
        read += end - start
    return tuple(sorted(exons))


@st.composite
def gene_lists(draw):
    """Genes of two contigs, the canonical transcript of each first."""
    genes = []
    for number in range(draw(st.integers(0, 6))):
        strand, is_translated = draw(st.sampled_from("+-")), draw(st.booleans())
        begin = draw(st.integers(0, 800))
        transcripts = tuple(
            Transcript(
                f"t{number}.{isoform}",
                draw(
                    exon_lists(
                        begin,
                        begin + 150,
                        strand,
                        draw(st.integers(0, 2)) if is_translated else None,
                    )
                ),
            )
            for isoform in range(draw(st.integers(1, 3)))
        )
        genes.append(
            Gene(
                f"g{number}",
                draw(st.sampled_from("cd")),
                strand,
                "CDS" if is_translated else "tRNA",
                transcripts,
                draw(st.sampled_from([None, 4])) if is_translated else None,
                draw(st.booleans()),
                draw(st.booleans()),
            )
        )
    return sorted(genes, key=lambda gene: (gene.contig, gene.start, gene.end, gene.name))
