"""Compiles every kernel for each architecture given and fails on what costs speed: python cuda/gate.py 80 90a ...

A warning of the compiler, a spill of registers in a matrix product, or wgmma serialised (ptxas says C7510) fails.
No GPU is needed. Flags are those of cmake/cuda.cmake.
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ONLY = {"gemm_wgmma.cu": "90a"}  # files for one architecture
SPILL = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")


def flags():
    listed = re.search(r"set\(LAMINA_CUDA_FLAGS ([^)]*)\)", (ROOT / "cmake" / "cuda.cmake").read_text())
    return ["-std=c++20", "-O3", "-DNDEBUG", *listed.group(1).split(), "-Xptxas=-v", f"-I{ROOT}", f"-I{ROOT / 'csrc'}"]


def compile_for(source, architecture):
    """Return what is wrong with a file, in words."""
    with tempfile.TemporaryDirectory() as folder:
        target = f"-gencode=arch=compute_{architecture},code=sm_{architecture}"
        command = ["nvcc", *flags(), target, "-cubin", str(source), "-o", f"{folder}/kernels.cubin"]
        done = subprocess.run(command, capture_output=True, text=True)
    wrong = [f"failed: {done.stderr.strip()[-2000:]}"] if done.returncode else []
    wrong += [line for line in done.stderr.splitlines() if "warning" in line or "C7510" in line]
    if source.name.startswith("gemm"):
        wrong += [f"spills: {spill.group()}" for spill in SPILL.finditer(done.stderr) if spill.groups() != ("0", "0")]
    return [f"{source.name}, sm_{architecture}: {problem}" for problem in wrong]


def main(architectures):
    sources = sorted((ROOT / "cuda").glob("*.cu"))
    jobs = [(source, each) for each in architectures for source in sources if ONLY.get(source.name, each) == each]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem for found in pool.map(lambda job: compile_for(*job), jobs) for problem in found]
    for problem in problems:
        print(problem)
    print(f"{len(jobs)} compilations for sm_{', sm_'.join(architectures)}: {len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["80"]))
