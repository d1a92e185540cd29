"""What nvcc says of the kernels: products keep all they need in registers. No device is needed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NVCC = shutil.which("nvcc")
BLOCKS_THAT_SHARE = 2  # of 256 threads on a multiprocessor with 65536 registers


def compiled(source, architecture, folder):
    """ptxas's report: of each kernel, its name, the bytes that it spills, its registers."""
    flags = re.search(r"LAMINA_CUDA_FLAGS (.*)\)", (ROOT / "cmake" / "cuda.cmake").read_text()).group(1).split()
    code = f"arch=compute_{architecture},code=sm_{architecture}"
    command = [NVCC, "-std=c++20", "-O3", "-DNDEBUG", "-gencode", code, *flags, f"-I{ROOT}", f"-I{ROOT / 'csrc'}"]
    command += ["-c", ROOT / "cuda" / source, "-o", folder / "kernels.o"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    report = done.stdout + done.stderr
    return re.findall(
        r"entry function '(\w+)'.*?(\d+) bytes spill stores.*?Used (\d+) registers", report, flags=re.DOTALL
    )


@pytest.mark.slow
@pytest.mark.skipif(NVCC is None, reason="nvcc is not on the path")
@pytest.mark.parametrize("architecture", [80, 90])
@pytest.mark.parametrize("source", ["gemm.cu", "gemm_mma.cu"])
def test_products_spill_nothing(source, architecture, tmp_path):
    kernels = compiled(source, architecture, tmp_path)
    assert len(kernels) >= 4
    assert not [name for name, spilled, _ in kernels if int(spilled)]
    if source == "gemm_mma.cu":
        assert all(int(registers) * 256 * BLOCKS_THAT_SHARE <= 65536 for _, _, registers in kernels)
