#!/usr/bin/env bash
# On a machine with an NVIDIA GPU, nvcc and no network: bench/gpu.sh build | truth | ceilings | speed | why.
# Needs that machine's python3 with numpy, pytest, pybind11, scikit-build-core, cmake and ninja; torch for comparisons.
# Results go to ${OUT:-bench/results}.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-bench/results}
site=build/gpu/site
mkdir -p "$out" build/gpu
export PYTHONPATH=$PWD/$site PATH=$PATH:/usr/local/cuda/bin

build() {
  local architecture
  architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
  [ "$architecture" = 90 ] && architecture=90a
  cmake -S . -B build/gpu -G Ninja -DLAMINA_CUDA=on "-DLAMINA_CUDA_ARCHITECTURES=$architecture-real" \
    -DPython_EXECUTABLE="$(command -v python3)" -Dpybind11_DIR="$(python3 -m pybind11 --cmakedir)"
  cmake --build build/gpu
  rm -rf $site && mkdir -p $site && cp -r python/lamina $site && cp build/gpu/_core*.so $site/lamina
}

build
case ${1:-} in
  build)
    python3 -m lamina config
    ;;
  truth)
    python3 cuda/try_wheel.py
    python3 -m pytest -q --maxfail=30 -W default -p no:cacheprovider -k "cuda or determinism" tests 2>&1 | tee "$out/gpu-truth.txt"
    ;;
  ceilings | speed)
    python3 bench/gpu.py "$1" --out "$out"
    ;;
  why)
    ncu --set full --clock-control none -f -k 'regex:gemm|tail|softmax|measure|merge|optimizer|sum' -o "$out/gpu-why" \
      python3 bench/gpu.py why --out "$out"
    ;;
  *)
    sed -n '2,4p' "$0"
    exit 2
    ;;
esac
