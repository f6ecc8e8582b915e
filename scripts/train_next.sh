#!/bin/sh
# Train the next networks on a machine that is at hand for minutes, from a bare source tree.
#
#     scripts/train_next.sh all MINUTES OUT        the next three, which share the minutes
#     scripts/train_next.sh code MINUTES OUT       a better code, without a channel; may be left out
#     scripts/train_next.sh carry MINUTES OUT      then an INN that carries it, beside that encoder
#     scripts/train_next.sh whole MINUTES OUT      every network, from there or from the release on
#     scripts/train_next.sh readers MINUTES OUT    then localizer and recoverer, through real encoders
#
# A stage lies in OUT/STAGE. Its rate falls over MINUTES; a stage that was paused
# (PAUSE=M, Ctrl-C, a kill) goes on when the same command comes again. On a GPU a profile tells first
# whether steps can be recorded as CUDA graphs. What is to be taken home lies in OUT/STAGE/weights,
# in parts below 15 MB, and with VALIDATE=DIR the last line of OUT/STAGE/log.jsonl scores it (of `all`
# the last stage alone).
#
# PYTHON (python3), DATA (../shared/data/train), INIT (the release), CONFIG and VALIDATE may be set;
# paths are from the repository's folder. A stage goes on from the weights of the one before it, where
# there are any.
set -eu
usage() {
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' "$0" >&2
  exit 2
}
[ $# -eq 3 ] || usage
stage=$1 minutes=$2 out=$3
case $stage in all | code | carry | whole | readers) ;; *) usage ;; esac
cd "$(dirname "$0")/.."

number() { awk "BEGIN { print $1 }"; }
if [ "$stage" = all ]; then
  for given in "$minutes" ${PAUSE:+"$PAUSE"}; do
    case $given in *[!0-9.]*) echo "expected minutes as a number, got '$given'" >&2 && exit 2 ;; esac
  done
  trap 'exit 130' INT TERM # whoever stops a stage stops what would follow it
  began=$(date +%s)
  set -- code 0.22 carry 0.34 whole 0.44
  while [ $# -gt 0 ]; do
    one=$1 share=$2
    shift 2
    if [ $# -gt 0 ] && [ -d "$out/$1" ]; then continue; fi # it is over: the next has begun
    left=${PAUSE:+$(number "$PAUSE - ($(date +%s) - $began) / 60")}
    case $left in 0 | -*) exit 0 ;; esac
    score=
    if [ $# -eq 0 ]; then score=${VALIDATE:-}; fi
    PAUSE=$left VALIDATE=$score scripts/train_next.sh "$one" "$(number "$minutes * $share")" "$out"
  done
  exit 0
fi

run=$out/$stage
config=${CONFIG:-configs/imuge_$stage.toml}
first=${INIT:-$(echo src/imuge/weights/lab.*)}
case $stage in carry) before=code ;; whole) before='code carry' ;; readers) before=whole ;; *) before= ;; esac
for one in $before; do
  if [ -d "$out/$one/weights" ]; then first=$out/$one/weights; fi
done
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}"

train() {
  "${PYTHON:-python3}" -m imuge.train --config "$config" --data "${DATA:-../shared/data/train}" --out "$run" \
    ${VALIDATE:+--validate "$VALIDATE"} "$@"
}

set -- --minutes "$minutes" --checkpoint-minutes 3 ${PAUSE:+--pause-after "$PAUSE"}
if [ -d "$run/checkpoints" ]; then
  set -- "$@" --resume
else
  set -- "$@" --init "$first"
fi
if [ "$stage" != readers ] && command -v nvidia-smi >/dev/null && [ ! -e "$run.graphs" ]; then
  mkdir -p "$out"
  if train --init "$first" --profile 12 >"$run.profile" 2>&1; then
    echo yes >"$run.graphs"
  else # what cannot be recorded is said, and trained step by step
    echo no >"$run.graphs"
  fi
  cat "$run.profile"
fi
if [ "$(cat "$run.graphs" 2>/dev/null)" = no ]; then set -- "$@" --no-graphs; fi
train "$@"
