"""Models from the Hugging Face hub: from its cache on this machine, else downloaded.

HF_HOME, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they mean elsewhere.
"""

import logging
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from httpx2 import HTTPError, TransportError
from huggingface_hub import (
    HfApi,
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers

from seqloom.config.registry import Backend
from seqloom.encoders.architectures import ARCHITECTURES
from seqloom.errors import InputError
from seqloom.files.downloads import Download, fetch
from seqloom.files.folders import lock_folder
from seqloom.models.weights import weight_names

log = logging.getLogger(__name__)

# Beside the weights; code is never fetched.
_SMALL = {"config.json", "tokenizer.json", "vocab.txt"}
_SMALL |= {"spiece.model", "added_tokens.json", "tokenizer_config.json"}
# Of tokenizers that transformers reads.
_SMALL |= {"vocab.json", "merges.txt", "sentencepiece.bpe.model", "special_tokens_map.json"}
_PAUSES = (1, 2, 4)
_TIMEOUT = 30
_SHA256 = "[0-9a-f]{64}"
_LOG_IN = "correct its name in {}, or accept its terms on its page and set HF_TOKEN"
_ADVICE = {401: _LOG_IN, 403: _LOG_IN, 404: "correct repository and revision in {}"}


@contextmanager
def download_folder(model: Path) -> Iterator[Path]:
    """A hidden folder beside `model`, held by this process; after an error its downloads stay."""
    folder = model.with_name(f".{model.name}.part")
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "lock"
    with lock_folder(lock):
        try:
            yield folder
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            lock.unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()


def downloaded(backend: Backend, revision: str | None, downloads: Path) -> Path:
    """A folder with config, weights and tokenizer, named after the commit it is from.

    It lies in the cache if that has all of them, else in `downloads`. Without a `revision` it is
    the newest commit, or that of the cache if the hub gives none.
    """
    cached = _cached(backend, revision)
    if cached and revision:
        return cached
    try:
        return _patiently_fetched(backend, revision, downloads)
    except (HTTPError, OSError, ValueError) as error:
        if cached:
            log.warning("%s: %s; taking %s from the cache", constants.ENDPOINT, error, cached)
            return cached
        title = f"{backend.repository} at {revision}" if revision else backend.repository
        raise InputError(
            f"{backend.name}: cannot download {title} from {constants.ENDPOINT}: "
            f"{_reason(error, backend)}, copy models/ from a machine that has it, or get its files "
            f"in another way and give `{backend.section}: {{{backend.name}: {{local: FOLDER}}}}`"
        ) from error


def _cached(backend: Backend, revision: str | None) -> Path | None:
    """The folder of a commit, if all of a model is in the cache."""
    config = try_to_load_from_cache(backend.repository, "config.json", revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    names = [path.name for path in folder.iterdir() if path.exists()]
    has_tokenizer = ARCHITECTURES[backend.architecture].tokenizer_files <= set(names)
    return folder if has_tokenizer and weight_names(names, backend.files) else None


def _patiently_fetched(backend: Backend, revision: str | None, downloads: Path) -> Path:
    for pause in _PAUSES:
        try:
            return _fetched(backend, revision, downloads)
        except HTTPError as error:
            if not _may_pass(error):
                raise
            log.warning("%s: %s; trying again in %d s", constants.ENDPOINT, error, pause)
            time.sleep(pause)
    return _fetched(backend, revision, downloads)


def _may_pass(error: HTTPError) -> bool:
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code >= 500 or error.response.status_code in (408, 429)
    return isinstance(error, TransportError)


def _fetched(backend: Backend, revision: str | None, downloads: Path) -> Path:
    """The folder of a commit in `downloads`, weights last; what the cache has is not fetched."""
    commit = HfApi().model_info(backend.repository, revision=revision, timeout=_TIMEOUT)
    names = {file.rfilename for file in commit.siblings}
    weights = weight_names(names, backend.files)
    if not weights:
        raise InputError(
            f"{backend.name}: {backend.repository} at {commit.sha} has no "
            f"{' and '.join(backend.files) or 'weights'}; correct {backend.described_in}"
        )
    folder = downloads / commit.sha
    for name in sorted(_SMALL & names):
        hf_hub_download(backend.repository, name, revision=commit.sha, local_dir=folder)
    for name in weights:
        if not (folder / name).exists():
            _receive(backend.repository, commit.sha, folder / name)
    return folder


def _receive(repository: str, commit: str, out: Path) -> None:
    """Link `out` to the weights in the cache, or download them: hf_hub_download cannot resume."""
    cached = try_to_load_from_cache(repository, out.name, revision=commit)
    if isinstance(cached, str):
        out.unlink(missing_ok=True)  # a link to a file that was removed
        out.symlink_to(Path(cached).resolve())
        return
    url = hf_hub_url(repository, out.name, revision=commit)
    known = get_hf_file_metadata(url, timeout=_TIMEOUT)
    # The tag of a large file is its checksum.
    checksum = known.etag if re.fullmatch(_SHA256, known.etag) else None
    fetch(
        Download(url, known.size, md5=None, sha256=checksum),
        out,
        headers=build_hf_headers(),
        advice="run again to fetch it once more",
    )


def _reason(error: Exception, backend: Backend) -> str:
    """What is wrong and what to do about it."""
    if isinstance(error, OfflineModeIsEnabled):
        return f"HF_HUB_OFFLINE is set and {constants.HF_HUB_CACHE} has not all of it; unset it"
    if isinstance(error, HfHubHTTPError):
        code = error.response.status_code
        advice = _ADVICE.get(code, "try again later").format(backend.described_in)
        return f"{code} for {error.response.url}; {advice}"
    if isinstance(error, TransportError):
        return f"it cannot be reached ({error}); mend the network or HF_ENDPOINT"
    return f"{error.__cause__ or error}; mend HF_ENDPOINT, or make room if the disk is full"
