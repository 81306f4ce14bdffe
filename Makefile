# What there is to make: `make` lists it. Everything is installed into .venv and built under build/.
PYTHON ?= $(shell command -v python3 || command -v python)
VENV   ?= .venv
# Extra requirements for the virtual environment of `make test`, such as TORCH=torch==2.13.0 for the
# tests that compare with PyTorch (without it they are skipped).
TORCH  ?=
# The PyTorch that `make bench` measures beside.
BENCH_TORCH ?= torch==2.13.0

BIN      := $(VENV)/bin
PIP      := $(BIN)/python -m pip --disable-pip-version-check
SOURCES  := $(shell find src tools -type f ! -name '*.pyc' ! -name '*.so' ! -name '*.pyi') CMakeLists.txt pyproject.toml
# The line `requires = […]` of pyproject.toml, as words for pip.
REQUIRES := $(shell sed -n 's/^requires = \[\(.*\)\]/\1/p' pyproject.toml | tr -d ,)
wheel     = $$(ls dist/*.whl)

# ccache, where there is one, hits across checkouts.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
# Python of the environment alone.
unexport PYTHONPATH PYTHONHOME

.NOTPARALLEL:
.SILENT:
.PHONY: help train test wheel bench lint format docs sanitize dev clean

help:
	echo "make train     train a classifier on handwritten digits, with a checkpoint and a picture in out/"
	echo "make test      run the whole test suite (TORCH=torch==2.13.0 compares with PyTorch as well)"
	echo "make bench     measure overhead, memory, kernels and training steps beside PyTorch"
	echo "make lint      check formatting, types and the order of the source tree"
	echo "make format    format Python and C++"
	echo "make docs      write the API pages to build/docs"
	echo "make wheel     build a wheel and try it in an empty environment"
	echo "make sanitize  run the suite on a build with AddressSanitizer and UBSan"
	echo "make dev       build in place, for work on the C++ sources"
	echo "make clean     remove what was built, and .venv"

train: $(VENV)/.examples
	$(BIN)/python examples/digits.py --out out

test: $(VENV)/.test
	$(if $(TORCH),$(BIN)/python -c "import torch" 2> /dev/null || $(PIP) install -q $(TORCH))
	echo "== tests"
	OMP_NUM_THREADS=1 TENSORLITE_NUM_THREADS=2 $(BIN)/python -m pytest -q -n auto tests

# --- environment and wheel ---------------------------------------------------------------------------

# The tools that build: what pyproject.toml requires, and CMake and Ninja where the system lacks them.
$(VENV)/.build: pyproject.toml
	echo "== virtual environment $(VENV)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q $(REQUIRES)
	$(BIN)/python -c "from scikit_build_core.build import get_requires_for_build_wheel as r; print(*r(), sep='\n')" \
	  > $(VENV)/.build-requires
	$(PIP) install -q -r $(VENV)/.build-requires
	touch $@

$(VENV)/.wheel: $(SOURCES) $(VENV)/.build
	echo "== wheel (the first build takes some minutes)"
	rm -rf dist && mkdir -p build
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) wheel -q --no-deps --no-build-isolation -w dist .
	ls -l dist/*.whl
	touch $@

# Installs the wheel with an extra: .venv/.examples, .venv/.test.
$(VENV)/.examples $(VENV)/.test: $(VENV)/.wheel
	echo "== install into $(VENV)"
	$(PIP) install -q --force-reinstall --no-deps $(wheel)
	$(PIP) install -q "$(wheel)[$(patsubst .%,%,$(notdir $@))]"
	touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP) install -q "$(wheel)[dev]"
	touch $@

wheel: $(VENV)/.wheel
	echo "== the wheel in an empty environment"
	rm -rf build/empty-venv
	$(PYTHON) -m venv build/empty-venv
	build/empty-venv/bin/python -m pip --disable-pip-version-check install -q $(wheel)
	cd build/empty-venv && bin/python $(CURDIR)/tools/smoke.py && bin/python $(CURDIR)/examples/seed.py
	ls -l dist/*.whl

# --- measuring and checking --------------------------------------------------------------------------

$(VENV)/.bench: $(VENV)/.test
	$(PIP) install -q "$(BENCH_TORCH)"
	touch $@

bench: $(VENV)/.bench
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.large

PYTHON_FILES := src tests examples benchmarks tools
CXX_FILES     = $$(find src/csrc -name '*.cpp' -o -name '*.h')

lint: $(VENV)/.dev
	echo "== lint: ruff"
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	echo "== lint: clang-format"
	$(BIN)/clang-format --dry-run -Werror $(CXX_FILES)
	echo "== lint: mypy"
	$(BIN)/python tools/stubs.py src/tensorlite
	$(BIN)/mypy
	echo "== lint: order of the source tree"
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix $(PYTHON_FILES)
	$(BIN)/ruff format $(PYTHON_FILES)
	$(BIN)/clang-format -i $(CXX_FILES)

docs: $(VENV)/.test
	$(BIN)/python tools/apidocs.py build/docs

# The wheel built with the sanitizers, in an environment and a build folder of its own. Python's own
# allocations live until the process ends, so leaks are looked for by tests/test_package.py instead.
SAN_VENV := build/sanitize-venv
SAN_PIP  := $(SAN_VENV)/bin/python -m pip --disable-pip-version-check
CXX      ?= c++
sanitize: $(VENV)/.build
	echo "== build with the sanitizers"
	test -x $(SAN_VENV)/bin/python || $(PYTHON) -m venv $(SAN_VENV)
	PATH="$(CURDIR)/$(BIN):$$PATH" SKBUILD_BUILD_DIR=build/sanitize \
	  SKBUILD_CMAKE_DEFINE=TENSORLITE_SANITIZE=address,undefined \
	  $(PIP) wheel -q --no-deps --no-build-isolation -w build/sanitize-dist .
	$(SAN_PIP) install -q --force-reinstall --no-deps build/sanitize-dist/*.whl
	$(SAN_PIP) install -q "$$(ls build/sanitize-dist/*.whl)[test]" $(TORCH)
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=4000 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	OMP_NUM_THREADS=1 TENSORLITE_NUM_THREADS=2 TENSORLITE_SANITIZED=1 $(SAN_VENV)/bin/python -m pytest -q -n auto tests

dev: $(VENV)/.build
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S . -B build/dev -G Ninja -DTENSORLITE_DEV=ON \
	  -DPython_EXECUTABLE="$(CURDIR)/$(BIN)/python" \
	  -Dpybind11_DIR="$$($(BIN)/python -m pybind11 --cmakedir)" > build/dev-configure.log
	PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build build/dev
	echo "Built in place. Run with: PYTHONPATH=src $(BIN)/python -m pytest tests"

clean:
	rm -rf build dist out $(VENV)
	rm -f src/tensorlite/*.so src/tensorlite/_C.pyi src/tensorlite/_ops.pyi
