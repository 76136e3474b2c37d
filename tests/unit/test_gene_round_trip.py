"""Any genes come back from GFF3 and from the index."""

from dataclasses import replace

import pytest
from gene_data import circle, exon_lists, gene, gene_lists, gff3, line, places, read
from hypothesis import given
from hypothesis import strategies as st

from seqloom.errors import InputError
from seqloom.seqs.gene_index import read_gene_index, write_gene_index

# --- any genes -----------------------------------------------------------------------------------


def written(genes):
    lines = ["##gff-version 3\n"]
    for one in genes:
        row = {"strand": one.strand, "seqid": one.contig}
        lines.append(line("gene", one.start + 1, one.end, attributes=f"ID={one.name}", **row))
        for transcript in one.transcripts:
            ranges = ["partial=true"] * (one.partial_left or one.partial_right)
            ranges += [f"start_range=.,{transcript.start + 1}"] * one.partial_left
            ranges += [f"end_range={transcript.end},."] * one.partial_right
            code = [f"transl_table={one.genetic_code}"] * (one.genetic_code is not None)
            tag = ["tag=MANE Select"] * (transcript is one.canonical)
            kind = "mRNA" if one.biotype == "CDS" else one.biotype
            own = [f"ID={transcript.name}", f"Parent={one.name}", *tag]
            own += ranges if kind != "mRNA" else []
            begin, end = transcript.start + 1, transcript.end
            lines.append(line(kind, begin, end, attributes=";".join(own), **row))
            part = "CDS" if kind == "mRNA" else "exon"
            below = ";".join([f"Parent={transcript.name}", *code, *ranges])
            lines += [
                line(
                    part, exon.start + 1, exon.end, phase=phase_text(exon), attributes=below, **row
                )
                for exon in transcript.exons
            ]
    return "".join(lines)


def phase_text(exon):
    return "." if exon.phase is None else exon.phase


@given(gene_lists())
def test_any_genes_written_as_gff3_read_back_equal(tmp_path_factory, genes):
    lengths = {"c": 1000, "d": 1000}
    assert read(tmp_path_factory.mktemp("x"), written(genes), lengths)[0] == genes


@given(gene_lists(), st.data())
def test_the_order_of_lines_has_no_effect_on_sorted_exons(tmp_path_factory, genes, data):
    single = [replace(one, transcripts=one.transcripts[:1]) for one in genes]
    head, *lines = written(single).splitlines(keepends=True)
    lines = data.draw(st.permutations(lines))
    lines.sort(key=lambda text: int(text.split("\t")[3]))
    folder, lengths = tmp_path_factory.mktemp("x"), {"c": 1000, "d": 1000}
    assert sorted(read(folder, head + "".join(lines), lengths)[0], key=repr) == sorted(
        single, key=repr
    )


@given(st.data())
def test_any_gene_on_a_circle_is_cut_at_the_origin(tmp_path_factory, data):
    length, strand = 100, data.draw(st.sampled_from("+-"))
    first_phase = data.draw(st.integers(0, 2))
    exons = list(data.draw(exon_lists(0, 50, strand, first_phase)))
    crossing = data.draw(st.integers(0, len(exons) - 1))
    if exons[crossing].end - exons[crossing].start < 2:
        return
    cut = data.draw(st.integers(exons[crossing].start + 1, exons[crossing].end - 1))
    shift = length - cut  # the origin is inside an exon
    want = {"g.1": [], "g.2": []}
    for start, end, phase in exons:
        for name, low, high in ("g.1", start, min(end, cut)), ("g.2", max(start, cut), end):
            if low < high:
                skipped = low - start if strand == "+" else end - high
                place = (low + shift) % length
                want[name].append((place, place + high - low, (phase - skipped) % 3))
    lines = []
    for start, end, phase in exons if strand == "+" else exons[::-1]:
        begin = (start + shift) % length
        lines.append(("CDS", begin + 1, begin + end - start, strand, phase, "ID=g"))
    folder = tmp_path_factory.mktemp("x")
    genes, _ = read(folder, gff3(circle(length), *lines), {"c": length})
    assert places(genes) == {name: [sorted(parts)] for name, parts in want.items()}


# --- the index -----------------------------------------------------------------------------------


@given(gene_lists())
def test_an_index_gives_back_the_same_genes_and_bytes(tmp_path_factory, genes):
    folder = tmp_path_factory.mktemp("x")
    oddities = {"wrong phase": 2, "pseudogene": 1}
    write_gene_index(folder / "a.json", genes, oddities, ["f00", "ba2"])
    found = read_gene_index(folder / "a.json")
    assert found == (genes, oddities, ["f00", "ba2"])
    write_gene_index(folder / "b.json", *found)
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_a_damaged_index_is_an_error(tmp_path):
    path = tmp_path / "a.json"
    write_gene_index(path, [gene("g", "+", ("t", (0, 9, 0)))], {}, [])
    for wrong in (path.read_text()[:-9], path.read_text().replace("strand", "band"), "[]"):
        path.write_text(wrong)
        with pytest.raises(InputError, match=r"a\.json"):
            read_gene_index(path)
