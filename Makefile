# Two commands do everything on a fresh clone: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the installed package is made from; directories notice files that come and go.
SOURCES := CMakeLists.txt pyproject.toml README.md LICENSE \
	$(shell find csrc cuda cmake python -not -path '*/__pycache__*' -not -name '*.pyc' 2>/dev/null)
CXX_FILES = $(shell find csrc cuda -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' 2>/dev/null) $(wildcard tests/*.cpp)
PYTHON_FILES := python tests examples cuda bench

# The tests run the CUDA kernels on an emulated device; the demo gets them where nvcc is found.
CUDA_OF_demo := auto
CUDA_OF_test := emulated

.PHONY: demo test bench lint format stubs asan tsan cuda-gate cuda-wheel clean help
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up, build, and train the demonstration; pictures land in demo-output/"
	@echo "make test    set up, build, and run the tests       (TEST='-m slow -k name' passes options to pytest)"
	@echo "make bench   set up, build, and measure             (BENCH='step --quick'; beside what .venv has of the peers)"
	@echo "make lint    ruff, clang-format and mypy, changing nothing;   make format   lets them change files"
	@echo "make asan, make tsan      tests of the CUDA kernels on the emulated device, under the sanitizers"
	@echo "make cuda-gate            every kernel compiled by nvcc: no spills, no warnings   (ARCHITECTURES='80 90a')"
	@echo "make cuda-wheel           a wheel with CUDA, tried in an environment of its own   (WHEEL_ARCHITECTURES='80-real')"
	@echo "make stubs   writes python/lamina/_core.pyi anew;             make clean    removes what was built"

demo: $(VENV)/ready-demo
	$(BIN)/lamina demo $(DEMO)

test: $(VENV)/ready-test
	$(BIN)/python -m pytest $(TEST)

bench: $(VENV)/ready-test
	$(BIN)/lamina bench $(BENCH)

lint: $(VENV)/ready-test
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/clang-format --dry-run -Werror $(CXX_FILES)
	$(BIN)/mypy

format: $(VENV)/ready-test
	$(BIN)/ruff check --fix $(PYTHON_FILES)
	$(BIN)/ruff format $(PYTHON_FILES)
	$(BIN)/clang-format -i $(CXX_FILES)

stubs: $(VENV)/ready-test
	$(BIN)/pybind11-stubgen lamina._core -o python

# The sanitizers' builds, of the emulated device too. Python's own allocations are not looked at.
SANITIZED = build/$*-sanitizer
sanitized-address: SANITIZERS = address,undefined
sanitized-thread: SANITIZERS = thread
sanitized-%: $(VENV)/ready-test
	$(BIN)/cmake -S . -B $(SANITIZED) -G Ninja -DLAMINA_CUDA=emulated -DLAMINA_SANITIZE=$(SANITIZERS) -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja \
		-DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir) >/dev/null
	$(BIN)/cmake --build $(SANITIZED)
	rm -rf $(SANITIZED)/site && mkdir $(SANITIZED)/site && cp -r python/lamina $(SANITIZED)/site && cp $(SANITIZED)/_core*.so $(SANITIZED)/site/lamina

LIBRARY = $$(realpath $$($(CXX) -print-file-name=$(1)))
asan: sanitized-address
	LD_PRELOAD="$(call LIBRARY,libasan.so) $(call LIBRARY,libubsan.so) $(call LIBRARY,libstdc++.so)" ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 \
		PYTHONPATH=build/address-sanitizer/site $(BIN)/python -m pytest -q -p no:faulthandler -k "cuda and not forked and not cannot_look and not out_of_memory" tests

TSAN_TESTS := tests/test_cuda.py tests/test_softmax.py
tsan: sanitized-thread
	LD_PRELOAD="$(call LIBRARY,libtsan.so) $(call LIBRARY,libstdc++.so)" TSAN_OPTIONS="halt_on_error=1 report_signal_unsafe=0" \
		PYTHONPATH=build/thread-sanitizer/site $(BIN)/python -m pytest -q -p no:faulthandler -k "cuda and not forked and not cannot_look" $(TSAN_TESTS)

ARCHITECTURES := 80 90a
cuda-gate:
	$(PYTHON) cuda/gate.py $(ARCHITECTURES)

WHEEL_ARCHITECTURES := 80-real
cuda-wheel: $(VENV)/tools
	rm -rf build/wheel-cuda && mkdir -p build/wheel-cuda
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w build/wheel-cuda \
		--config-settings=build-dir=build/wheel-cuda/build --config-settings=cmake.define.LAMINA_CUDA=on \
		--config-settings="cmake.define.LAMINA_CUDA_ARCHITECTURES=$(WHEEL_ARCHITECTURES)" .
	$(PYTHON) -m venv build/wheel-cuda/env
	build/wheel-cuda/env/bin/python -m pip install --quiet --disable-pip-version-check build/wheel-cuda/*.whl
	cd build/wheel-cuda && env/bin/python $(CURDIR)/cuda/try_wheel.py

# The build tools come first, so that the package is built in place, step by step, and not from nothing each time.
$(VENV)/tools: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "lamina needs Python 3.10 or newer: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "scikit-build-core>=0.11" "pybind11==3.1.0" cmake ninja
	@touch $@

$(VENV)/ready-%: $(SOURCES) $(VENV)/tools
	@echo "building and installing lamina[$*] into $(VENV): some minutes the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		--config-settings=cmake.define.LAMINA_CUDA=$(CUDA_OF_$*) ".[$*]"
	@touch $@

clean:
	rm -rf build dist $(VENV) demo-output .pytest_cache .ruff_cache .mypy_cache
	find python tests -name __pycache__ -type d -prune -exec rm -rf {} +
