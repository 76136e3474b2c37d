"""The files that a cell of the sheet names: by paths, folders, patterns and lists."""

import contextlib
import glob
import os
import stat
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from seqloom.config.tsv import file_problem, numbered_lines
from seqloom.errors import InputError
from seqloom.files.downloads import Download

DEMO_FOLDER = "resources/demo/"
REFSEQ_FOLDER = "resources/refseq/"
PACKED = (".gz", ".bgz", ".bz2", ".xz", ".zst")
# The file endings that are read from a folder, and what such files contain.
FASTA = dict.fromkeys([".fa", ".fna", ".fasta", ".fas"], "genomes")
FASTA |= {".ffn": "genes", ".faa": "proteins"}
ANNOTATION = dict.fromkeys([".gff", ".gff3"], "GFF3")
ANNOTATION |= {".gtf": "GTF"}
ANNOTATION |= dict.fromkeys([".gb", ".gbk", ".gbff"], "GenBank")


def files_of_cell(
    cell: str, endings: Mapping[str, str], downloads: Mapping[str, Download], where: str
) -> dict[str, int | None]:
    """The files that the cell names, in order, with their sizes from `size_of_file`."""
    sizes: dict[str, int | None] = {}
    for part in filter(None, map(str.strip, cell.split(";"))):
        for path, source in _paths_of(part, endings, downloads, where):
            if path in sizes:
                raise InputError(f"{source}: {path} is named twice; remove one")
            sizes[path] = size_of_file(path, downloads, source)
    return sizes


def size_of_file(path: str, downloads: Mapping[str, Download], where: str) -> int | None:
    """The bytes of a file, None if unknown; an error if it does not exist.

    The size of a download comes from its list, so that downloading it does not change the shards.
    """
    if {"{", "}"} & set(path):
        raise InputError(
            f"{where}: {path} has braces, which Snakemake takes for wildcards; rename it"
        )
    if path in downloads:
        return downloads[path].bytes
    with contextlib.suppress(OSError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):
            if not os.access(path, os.R_OK):
                raise InputError(f"{where}: {path} is not readable; change its permissions")
            return status.st_size
    # The workflow makes the demo genomes itself.
    if path.startswith(DEMO_FOLDER):
        return None
    raise InputError(f"{where}: {path} {file_problem(path)}")


def _paths_of(
    part: str, endings: Mapping[str, str], downloads: Mapping[str, Download], where: str
) -> Iterator[tuple[str, str]]:
    """Paths, each with the place where it is named: the sheet, or a line of a list."""
    if part.startswith("@"):
        yield from _listed(part[1:], where)
    elif os.path.isdir(part) or (downloads and f"{part.rstrip('/')}/" == REFSEQ_FOLDER):
        yield from ((path, where) for path in _of_folder(part, endings, downloads, where))
    elif glob.has_magic(part) and not os.path.isfile(part):
        yield from ((path, where) for path in _matching(part, downloads, where))
    else:
        yield part, where


def _listed(path: str, where: str) -> Iterator[tuple[str, str]]:
    if problem := file_problem(path):
        raise InputError(f"{where}: {path} {problem}")
    lines = [(n, line.strip()) for n, line in numbered_lines(path)]
    names = [(name, f"{path} line {n}") for n, name in lines if not name.startswith("#")]
    if not names:
        raise InputError(f"{where}: {path} lists no file; write one path per line")
    yield from names


def _of_folder(
    folder: str, endings: Mapping[str, str], downloads: Mapping[str, Download], where: str
) -> list[str]:
    """The files in a folder with one of the endings, sorted by name."""
    folder = f"{folder.rstrip('/')}/"
    if folder == REFSEQ_FOLDER and downloads:
        names = [path.removeprefix(folder) for path in downloads]
    else:
        # macOS leaves hidden files such as ._x.fna on other disks.
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    found = sorted(name for name in names if _ending(name) in endings)
    if not found:
        raise InputError(
            f"{where}: {folder} has no file that ends in {', '.join(endings)}, plain or "
            f"compressed; correct the folder, or give a pattern, such as {folder}*.txt"
        )
    kinds = sorted({endings[_ending(name)] for name in found})
    if len(kinds) > 1:
        raise InputError(
            f"{where}: {folder} has files of {' and of '.join(kinds)}; give a pattern for one "
            f"kind, such as {folder}*{_ending(found[0])}*"
        )
    return [folder + name for name in found]


def _ending(name: str) -> str:
    """The ending in lower case, before the one of compression."""
    stem, ending = os.path.splitext(name.lower())
    return os.path.splitext(stem)[1] if ending in PACKED else ending


def _matching(pattern: str, downloads: Mapping[str, Download], where: str) -> list[str]:
    """The files that a pattern matches, sorted by name."""
    if pattern.startswith(REFSEQ_FOLDER) and downloads:
        found = [path for path in downloads if fnmatchcase(path, pattern)]
    else:
        found = glob.glob(pattern)
    if not found:
        raise InputError(f"{where}: no file matches {pattern}; correct the pattern")
    return sorted(found)
