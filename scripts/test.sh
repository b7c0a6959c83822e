#!/bin/sh
# The tests, in two runs at once: those that open windows, and all others.
#   scripts/test.sh " and not slow" OPTIONS OF THE OTHERS    # "": the slow ones as well
#
# Windows and torch's compiler stack cannot share a process (docs/decisions/code.md). One process
# opens all windows, since they would take the keyboard from each other, and mostly waits for them:
# beside it the others have the cores.
set -u
cd "$(dirname "$0")/.."
kind=$1
shift
windows=$(mktemp)
.venv/bin/python -m pytest -q -m "display$kind" tests >"$windows" 2>&1 &
process=$!
trap 'kill "$process" 2>/dev/null; rm -f "$windows"' EXIT
.venv/bin/python -m pytest -q -m "not display$kind" --no-xvfb "$@"
others=$?
wait "$process"
status=$?
echo "tests that open windows:"
cat "$windows"
[ "$others" = 0 ] && [ "$status" = 0 ]
