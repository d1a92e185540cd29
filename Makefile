# Two commands do everything on a fresh clone: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the installed package is made from; directories notice files that come and go.
SOURCES := CMakeLists.txt pyproject.toml README.md LICENSE \
	$(shell find csrc cuda cmake python -not -path '*/__pycache__*' -not -name '*.pyc' 2>/dev/null)
CXX_FILES = $(shell find csrc cuda -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' 2>/dev/null) tests/emulated_model.cpp
PYTHON_FILES := python tests

# The tests run the CUDA kernels on an emulated device; the demo gets them where nvcc is found.
CUDA_OF_demo := auto
CUDA_OF_test := emulated

.PHONY: demo test bench lint format stubs clean help
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up, build, and train the demonstration; pictures land in demo-output/"
	@echo "make test    set up, build, and run the tests       (TEST='-m slow -k name' passes options to pytest)"
	@echo "make bench   set up, build, and measure             (BENCH='step --quick'; beside what .venv has of the peers)"
	@echo "make lint    ruff, clang-format and mypy, changing nothing;   make format   lets them change files"
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
