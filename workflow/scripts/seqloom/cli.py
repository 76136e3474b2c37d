"""What every script shares: arguments, logging and the way errors are told."""

import argparse
import logging
import os
import sys
from collections.abc import Callable

from seqloom.errors import InputError


def parser(description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )


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
        # The reader of our output went away (`| head`): not a failure worth a traceback.
        os._exit(141)
