#!/bin/sh
# The tests with the lowest versions that pyproject.toml allows, in an environment of their own.
#   scripts/check_lowest.sh [PYTEST ARGUMENTS]    # without any: what touches most of the libraries
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .tools/uv/bin/uv)
python=$(.venv/bin/python -c 'import sys; print(sys.base_prefix)')/bin/python3.12
env=$(mktemp -d)
trap 'rm -rf "$env"' EXIT

echo "lowest: installing" >&2
"$uv" venv -q --clear --python "$python" "$env"
"$uv" pip install -q --python "$env" --resolution lowest-direct --editable '.[all]' --group test
[ $# = 0 ] && set -- tests/choice tests/judgments tests/features tests/stimuli tests/backbones \
    tests/embedding/test_fit.py tests/embedding/test_posterior.py tests/teacher/test_fit.py \
    tests/distill/test_export.py tests/figures tests/report/test_report.py tests/rsa \
    tests/online/test_server_records.py
"$env/bin/python" -m pytest -q -m "not slow and not display" --no-xvfb -p no:cacheprovider \
    -n logical --maxprocesses 4 --dist loadfile "$@"
