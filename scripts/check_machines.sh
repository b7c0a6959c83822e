#!/bin/sh
# One chain over five machines that hold only their part of twoalike, installed from the wheel:
# the lab computer (no torch, no PyMC), the server of an online study (no PsychoPy), the modeller's
# (no PsychoPy, no torch), the GPU machine (no PsychoPy, no PyMC), the analyst's (none of them). Each
# step takes what the one before wrote.
#   scripts/check_machines.sh [FOLDER]    # environments and files go there; a temporary one if left out
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .tools/uv/bin/uv)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
[ $# = 0 ] && trap 'rm -rf "$work"' EXIT
python=$(.venv/bin/python -c 'import sys; print(sys.base_prefix)')/bin/python3.12

say() { printf 'machines: %s\n' "$*" >&2; }

# --- The files that would be published: whole, and the same by way of the sdist. ---------------
say "wheel and sdist"
rm -rf "$work/dist"
"$uv" build -q --python "$python" --out-dir "$work/dist" .  # the wheel is built from the sdist
"$uv" tool run -q --python "$python" twine check --strict "$work"/dist/*.whl "$work"/dist/*.tar.gz >&2
"$uv" tool run -q --python "$python" check-wheel-contents --ignore W002 "$work"/dist/*.whl >&2
"$python" scripts/wheel_holds_all.py "$work"/dist/*.whl
wheel=$(ls "$work"/dist/*.whl)

# --- machine NAME EXTRAS ABSENT...: an environment without the packages named. -----------------
machine() {
    name=$1 extras=$2
    shift 2
    say "$name: twoalike$extras"
    "$uv" venv -q --clear --python "$python" "$work/$name"
    "$uv" pip install -q --python "$work/$name" --constraints constraints.txt "$wheel$extras"
    for absent in "$@"; do
        if "$work/$name/bin/python" -P -c "import $absent" 2>/dev/null; then
            say "$name: $absent is installed, though the extra $extras should not need it"
            exit 1
        fi
    done
    run="$work/$name/bin/twoalike"
}

# --- What is said where a part is missing; --help and --version need nothing. ------------------
machine bare "" torch psychopy pymc jax matplotlib sklearn
"$run" --version >/dev/null
"$run" --help >/dev/null
said=$("$run" fit --choices none.parquet --out none.nc 2>&1) && exit 1
case $said in *Traceback*) say "bare: fit ended with a traceback"; exit 1 ;; esac

# --- The lab computer: a study, sessions with and without a window, checked and shared. --------
machine lab "[experiments]" torch timm pymc jax arviz
cd "$work"
rm -rf drawn photos study public psychds teacher student
"$run" init drawn --seed 1 >/dev/null
for group in b d f; do # categories, which simulated participants go by
    mkdir -p "photos/$group"
    cp "drawn/stimuli/$group"*.png "photos/$group"
done
"$run" init study --images photos --seed 1 >/dev/null
sed -i.bak 's/^trials = 300/trials = 80/' study/study.toml
"$run" design study --task odd-one-out --participants 01 02 03 --summary >/dev/null
"$run" run study --participant 01 --simulate --no-window >/dev/null
"$run" run study --participant 02 --simulate --no-window >/dev/null
if [ "$(uname -s)" = Linux ]; then
    "$run" run study --participant 03 --simulate --virtual-display >/dev/null
fi
"$run" validate study >/dev/null
"$run" share study --out public >/dev/null
"$run" export psychds study --out psychds >/dev/null

# --- The server of an online study: its page, without PsychoPy. --------------------------------
cd - >/dev/null
machine server "[online]" psychopy torch pymc jax
cd "$work"
"$run" online build study --participants 2 --task odd-one-out >/dev/null
"$run" online links study --number 2 --url https://study.example.org >/dev/null
"$run" online fetch study >/dev/null
"$run" validate study >/dev/null
rm -rf study-online

# --- The modeller's: the posterior. -------------------------------------------------------------
cd - >/dev/null
machine modeler "[modeling]" torch timm psychopy
cd "$work"
"$run" fit study --dimensions 3 --draws 100 --tune 100 --chains 2 >/dev/null
"$run" check study/derived/posterior.nc --choices study/derived/choices.parquet >/dev/null
"$run" embed study/derived/posterior.nc --out positions.tsv >/dev/null

# --- The GPU machine: features, teacher, student. -----------------------------------------------
cd - >/dev/null
machine gpu "[distill,lora,onnx]" psychopy pyglet pymc pytensor nutpie
cd "$work"
"$run" features --backbone efficientnet_lite0 --images study/stimuli --out base.npz >/dev/null
"$run" teach study/derived/posterior.nc --features base.npz --out teacher >/dev/null
"$run" distill --teacher teacher --images study/stimuli --student efficientnet_lite0 --size 64 --batch 6 \
    --steps 3 --out student >/dev/null
"$run" features --backbone student --images study/stimuli --out aligned.npz >/dev/null
"$run" export onnx student --out student.onnx >/dev/null

# --- The analyst's: scores and the report. ------------------------------------------------------
cd - >/dev/null
machine analyst "[analysis]" torch timm psychopy pymc pytensor
cd "$work"
"$run" evaluate --features base=base.npz --features aligned=aligned.npz \
    --choices study/derived/choices.parquet --out study/derived/results.json >/dev/null
"$run" report study --out study/report.html >/dev/null
test -s study/report.html
say "each did its part"
