"""What every script shares: arguments, logging and error messages."""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable

from seqloom.config.cut import Cut
from seqloom.config.held_out import PARTS
from seqloom.errors import InputError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def parser(description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        # `--fasta @names.txt`: each line of that file is an argument.
        fromfile_prefix_chars="@",
    )


def positive(text: str) -> int:
    """A whole number of at least 1, for `type=`."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


def add_cut_arguments(parser: argparse.ArgumentParser) -> None:
    default = Cut()
    parser.add_argument("--window", type=positive, default=default.window, help="length in bases")
    parser.add_argument("--scheme", choices=("even", "virnucpro"), default=default.scheme)
    parser.add_argument(
        "--frames", choices=("open", "longest_orf", "virnucpro"), default=default.frames
    )
    parser.add_argument(
        "--min-codons", type=positive, default=default.min_codons, help="longest_orf"
    )
    parser.add_argument(
        "--max-ambiguous", type=float, default=default.max_ambiguous, help="highest share of X"
    )
    parser.add_argument("--max-per-window", type=positive, help="most frames per window")
    parser.add_argument(
        "--training",
        choices=("all", "coding", "virnucpro"),
        default=default.training,
        help="frames of annotated samples",
    )
    parser.add_argument(
        "--genetic-code",
        type=int,
        default=1,
        help="number of the NCBI table; virnucpro always uses 1",
    )


def add_held_out_arguments(parser: argparse.ArgumentParser) -> None:
    for part in PARTS:
        parser.add_argument(
            f"--{part}", nargs="+", default=[], help="sample, sample/contig or sample/contig:1-9"
        )


def cut_of(args: argparse.Namespace) -> Cut:
    return Cut(**{name: getattr(args, name) for name in Cut.__dataclass_fields__})


def code_of(args: argparse.Namespace) -> int:
    """The genetic code that frames are read with; the virnucpro rule always uses code 1."""
    return 1 if args.frames == "virnucpro" else args.genetic_code


class _NoPandas:
    """An import hook that lets `import pandas` fail."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("this script does without pandas")


def without_pandas() -> None:
    """Keep pyarrow from loading pandas: that alone takes as long as a small job."""
    # Each conversion from or to Python tries it, and None in sys.modules does not stop Cython.
    sys.meta_path.insert(0, _NoPandas)


def run(main: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> None:
    """Parse the command line and run `main`; an InputError becomes one line and exit code 1."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    namespace = arguments.parse_args()
    try:
        main(namespace)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has closed it (`| head`), which is no failure.
        os._exit(141)
    except Exception as error:
        refused = _refused(error)
        if refused is None:
            raise
        full = refused.errno in _DISK_FULL
        # A failed write does not know its file, and libraries say in many lines what failed.
        where = refused.filename or (full and vars(namespace).get("out"))
        sentence = f"{where}: {os.strerror(refused.errno)}" if where else os.strerror(refused.errno)
        print(
            f"error: {sentence}; {'make room' if full else 'correct that'} and run again",
            file=sys.stderr,
        )
        sys.exit(1)


def _refused(error: BaseException | None) -> OSError | None:
    """What the system refused; a library may have turned a full disk into an error of its own."""
    if isinstance(error, OSError) and error.errno:
        return error
    while error is not None and not (isinstance(error, OSError) and error.errno in _DISK_FULL):
        error = error.__context__
    return error
