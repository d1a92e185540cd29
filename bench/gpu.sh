#!/usr/bin/env bash
# On a machine with an NVIDIA GPU, nvcc and no network:
#   bench/gpu.sh build | truth | sanitize [TOOL] | ceilings [OPTIONS of gpu.py] | speed [OPTIONS] | why [OPTIONS]
# Needs that machine's python3 with numpy, pybind11, cmake and ninja; pytest for truth; torch for comparisons and why;
# ml_dtypes for bfloat16. Each stage builds first, and ends by itself within ${LIMIT:-570} seconds.
# Results go to ${OUT:-bench/results}; COMMIT names the commit where there is no git.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-bench/results}
site=build/gpu/site
mkdir -p "$out" build/gpu
export PYTHONPATH=$PWD/$site${PYTHONPATH:+:$PYTHONPATH} PATH=$PATH:/usr/local/cuda/bin PYTHONUNBUFFERED=1

left() {
  local seconds=$((${LIMIT:-570} - SECONDS - ${1:-0}))
  echo $((seconds > 1 ? seconds : 1))  # 0 would be no limit
}

# Within what is left but for so many seconds. What does not end is interrupted, then killed.
within() {
  local spare=$1
  shift
  timeout --signal=INT --kill-after=10 "$(left "$spare")" "$@"
}

build() {
  local architecture
  architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d '. ')
  [ "$architecture" = 90 ] && architecture=90a
  within 10 cmake -S . -B build/gpu -G Ninja -DLAMINA_CUDA=on "-DLAMINA_CUDA_ARCHITECTURES=$architecture-real" \
    -DPython_EXECUTABLE="$(command -v python3)" -Dpybind11_DIR="$(python3 -m pybind11 --cmakedir)" >build/gpu/configure.log ||
    { cat build/gpu/configure.log && return 1; }
  within 10 cmake --build build/gpu
  rm -rf $site && mkdir -p $site && cp -r python/lamina $site && cp build/gpu/_core*.so $site/lamina
  echo "built in $SECONDS s"
}

tests() {
  local name=$1 spare=$2
  shift 2
  within "$spare" python3 -m pytest -q --maxfail=30 -W default -p no:cacheprovider -o faulthandler_timeout=60 "$@" 2>&1 |
    tee "$out/gpu-truth-$name.txt"
}

stage=${1:-}
shift || true
case $stage in
  build | truth | sanitize | ceilings | speed | why) build ;;
  *)
    sed -n '2,6p' "$0"
    exit 2
    ;;
esac
case $stage in
  build)
    python3 -m lamina config
    ;;
  truth)
    failed=0
    within 10 python3 cuda/try_wheel.py || failed=1
    tests wgmma $(($(left) / 2)) tests/test_cuda_wgmma.py || failed=1
    tests suite 10 -k "cuda or determinism" --ignore=tests/test_cuda_wgmma.py tests || failed=1
    exit $failed
    ;;
  sanitize)
    # Every row of the benchmark, small.
    tool=${1:-memcheck}
    within 5 compute-sanitizer --tool "$tool" --error-exitcode 9 --print-limit 50 \
      python3 bench/gpu.py why --small --only . --out "$out" 2>&1 | tee "$out/gpu-$tool.txt"
    ;;
  ceilings | speed)
    within 0 python3 bench/gpu.py "$stage" --out "$out" --limit "$(left 15)" "$@"
    ;;
  why)
    # Forty kernels make a report of some megabytes; the profiler waits until gpu.py starts it.
    within 60 ncu --set full --clock-control none --profile-from-start off --launch-count 40 -f -o "$out/gpu-why" \
      python3 bench/gpu.py why --out "$out" "$@"
    within 5 ncu --import "$out/gpu-why.ncu-rep" --page details >"$out/gpu-why.txt"
    ;;
esac
