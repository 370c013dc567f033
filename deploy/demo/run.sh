#!/usr/bin/env bash
# The demo: speak a corpus and an archive of calls, then run every job over them, and show the results.
#   BIN=.venv/bin [CORPUS=/path/to/RAVDESS] bash deploy/demo/run.sh
set -euo pipefail
out=build/demo
bin=${BIN:-.venv/bin}
begun=$SECONDS
step() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# Start from nothing: earlier output would hide what the jobs do.
rm -rf "$out"
if [ -n "${CORPUS:-}" ]; then
  step "Building calls from the voices in $CORPUS"
  "$bin/python" deploy/demo/speak.py --out "$out" --corpus "$CORPUS"
else
  step "Speaking a labelled corpus and an archive of calls"
  "$bin/python" deploy/demo/speak.py --out "$out"
fi
step "ser ingest: the archive becomes the table recordings"
"$bin/ser" ingest --config demo
step "ser extract: features of every customer's channel"
"$bin/ser" extract --config demo
step "ser train: a multilayer perceptron from the labelled corpus"
"$bin/ser" train --config demo
step "ser score: an emotion for every segment and every call"
"$bin/ser" score --config demo
"$bin/python" deploy/demo/check.py --out "$out"
printf '\nThe demo took %d s.\n' $((SECONDS - begun))
