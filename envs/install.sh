#!/usr/bin/env bash
# Install the packages of a lock into a new virtual environment: install.sh FOLDER LOCK
set -euo pipefail
folder=$1 lock=$2 python=${PYTHON:-python3}
log=$folder/install.log

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$version" != 3.11 ]; then
    echo "error: the packages are locked for Python 3.11, but $python is $version; name another one: make PYTHON=python3.11" >&2
    exit 1
fi
"$python" -m venv "$folder"
echo "installing $(grep -c == "$lock") packages into $folder, which takes a minute or two"
# Old versions of pip apply the first to what builds a package, newer ones the second.
export PIP_CONSTRAINT=envs/build.lock PIP_BUILD_CONSTRAINT=envs/build.lock
if ! "$folder/bin/pip" install --use-pep517 --progress-bar off -r "$lock" > "$log" 2>&1; then
    # What pip prints of other programs it runs is indented further.
    package=$(sed -nE 's/^ {0,2}(Collecting|Processing|Building wheel for|ERROR: No matching distribution found for) ([^ ,;]+).*/\2/p' "$log" | tail -1)
    reason=$(sed -nE 's/^ *(ERROR: |(.*Error: ))/\2/p' "$log" | tail -1)
    echo "error: the package $package cannot be installed (${reason:-pip was stopped, or had too little memory}); see $log, mend that and run the same again" >&2
    exit 1
fi
