#!/usr/bin/env bash
# Trains policies that differ in their memory alone, side by side on one device:
#     benchmarks/policy_training.sh DATA OUT MINUTES [DEVICE [FLAGS...]]
# DATA holds a folder for each task (rc3, rc5 ...) of demonstrations. Each run leaves
# TASK_MEMORY.safetensors in OUT; curves and logs are in OUT/runs.tar.
set -u
data=$1 out=$2 minutes=$3 device=${4:-cuda}
shift $(($# < 4 ? $# : 4))
python=${PYTHON:-python3}
runs=$(mktemp -d)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2} PYTHONUNBUFFERED=1
mkdir -p "$out"

score=500  # Decisions are drawn by diffusers' samplers; without them there is a loss only.
"$python" -c "import planners.diffusion.sampling" || score=0

begin() {  # task memory
    "$python" -m planners.diffusion --data "$data/$1" --out "$runs/$1_$2" --memory "$2" \
        --minutes "$minutes" --steps 1000000 --device "$device" --validate-every "$score" \
        "${@:3}" >"$runs/$1_$2.log" 2>&1 &
}

begin rc3 bank "$@"
begin rc3 none "$@"
begin rc3 lstm "$@"
if [ -d "$data/rc5" ]; then begin rc5 bank "$@"; fi
wait

for run in "$runs"/*/; do
    name=$(basename "$run")
    if [ -f "$run/policy.safetensors" ]; then
        cp "$run/policy.safetensors" "$out/$name.safetensors"
    fi
    echo "$name: $(tail -n 1 "$run/curve.jsonl" 2>/dev/null)"
    tail -n 3 "$runs/$name.log"
done
tar -C "$runs" --exclude '*.safetensors' -cf "$out/runs.tar" .
rm -r "$runs"
