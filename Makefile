# Everything starts here: `make help`.
PYTHON ?= python3
VENV := .venv
# As the shell has it: make's own CURDIR would be read by the shell, with any $, " or ` that it holds.
BIN := $$PWD/$(VENV)/bin
STAMP := $(VENV)/.installed
VERSION := import sys; print(*sys.version_info[:2], sep='.')
AUDIT := $$PWD/$(VENV)/audit
PROFILES := $(patsubst profiles/%.yaml,%,$(wildcard profiles/*.yaml))
# Stages and kernels must find the environment's programs, whoever calls make.
# Nothing of the user's may take their modules' place, and programs ask for a name that a container's user may not have.
# Containers often forbid Python to keep what it compiles; here each start of an interpreter would take twice as long.
ALONE := env -u PIP_TARGET -u PIP_PREFIX -u PYTHONPATH -u PYTHONHOME -u PYTHONOPTIMIZE -u PYTHONDONTWRITEBYTECODE \
    -u PYTHONSAFEPATH -u PYTHONWARNINGS -u PYTHONINSPECT PYTHONNOUSERSITE=1 USER="$${USER:-$$(id -un 2>/dev/null || echo user)}"
RUN := $(ALONE) PATH="$(BIN):$$PATH"
# Modules are compiled when they are first imported: most of them never are, and compiling all takes minutes.
PIP := $(ALONE) PIP_USER=0 "$(BIN)/python" -m pip install -qq --no-compile --disable-pip-version-check

ifneq ($(filter-out $(PROFILES),$(PROFILE)),)
$(error PROFILE = $(PROFILE): no file profiles/$(PROFILE).yaml (there are: $(PROFILES)))
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help place repro profile test test-slow test-faults verify audit gc lab lint lock clean

help: ## this list
	@echo "usage: make TARGET [PROFILE=name] [PYTHON=python3.12]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	@echo "profiles: $(PROFILES)"

repro: $(STAMP) profile ## install, then run the pipeline of params.yaml, or of PROFILE=name
	@$(RUN) python -m xbarpaper.pipeline.repro
	@name=$$(sed -n 's/^profile: *\([^ #]*\).*/\1/p' params.yaml); \
	echo "The report: reports/$$name/index.html (figures/, tables/ and notebooks/ beside it)"

# Makes a profile the active one; without PROFILE, params.yaml stays as it is.
profile: $(if $(PROFILE),$(STAMP))
	@$(if $(PROFILE),$(RUN) python -m xbarpaper.params write "$(PROFILE)")

test: $(STAMP) ## install, then run the tests (or TESTS=tests/test_x.py)
	@OMP_NUM_THREADS=1 $(RUN) python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(TESTS)

test-slow: $(STAMP) ## install, then run the end-to-end tests: the tiny pipeline, killed, shared, changed (a quarter of an hour)
	@OMP_NUM_THREADS=1 $(RUN) python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow $(TESTS)

# RECORD=1 also writes reports/verify.json: what the maintainers found, beside the reports.
verify: $(STAMP) ## install, run quick (or PROFILE=name) from nothing in a fresh copy, compare with the committed report
	@$(RUN) python -m tools.verify $(if $(PROFILE),--profile $(PROFILE)) $(if $(RECORD),--record)

gc: $(STAMP) ## remove from DVC's cache what no profile has in dvc.lock (`dvc gc -w` forgets all but the active one)
	@$(RUN) python -m xbarpaper.pipeline.cleaning

# pip-audit has an environment of its own, so that it changes no version of the one that it looks at.
audit: $(STAMP) ## look every locked version up in the database of known vulnerabilities (network)
	@[ -x "$(AUDIT)/bin/pip-audit" ] || { "$(BIN)/python" -m venv "$(AUDIT)" && \
	    "$(AUDIT)/bin/python" -m pip install -qq --disable-pip-version-check pip-audit==2.10.1; }
	@"$(AUDIT)/bin/python" .ci/audit

test-faults: $(STAMP) ## install, then kill, fill, corrupt and delete on purpose (an hour; FAULTS="--part kills")
	@OMP_NUM_THREADS=1 $(RUN) PYTHONPATH=tests python -m faults $(FAULTS)

# A kernel of the name python3 that the user's other environments have installed would run the notebooks.
lab: $(STAMP) ## install, then open the notebooks in JupyterLab; their outputs are not saved
	@$(RUN) env -u JUPYTER_PATH JUPYTER_PREFER_ENV_PATH=1 PYTHONPATH="$$PWD" \
	    jupyter lab notebooks --FileContentsManager.pre_save_hook=tools.lab.keep_source_clean

lint: $(STAMP) ## style and types
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy

# Needs uv. CUDA packages are left to torch's own requirements, so that one lock serves machines with and without a GPU.
lock: ## pin every version anew in requirements.lock
	@uv pip compile --universal --python-version 3.11 --no-header --no-annotate --extra test \
	    $(UV_FLAGS) pyproject.toml -o requirements.lock.all -q
	@{ echo "# Every version, for every platform. Made by 'make lock' from pyproject.toml; CUDA packages are left to torch's own requirements."; \
	    grep -vE '^(nvidia-|cuda-|triton)' requirements.lock.all; } > requirements.lock.new
	@rm requirements.lock.all; mv requirements.lock.new requirements.lock

clean: ## remove the environment and the tools' caches; data/, reports/ and DVC's cache stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# DVC takes braces in a path for places to fill in, and a list of folders is cut at colons.
place:
	@case "$$PWD" in *[{}:]*) echo "$$PWD: neither DVC nor Python's environments work in a folder whose path holds { } or :" >&2; exit 1;; esac

$(STAMP): requirements.lock pyproject.toml | place
	@$(ALONE) $(PYTHON) -c 'import sys; v = sys.version_info; \
	sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else f"PYTHON = $(PYTHON) is {v.major}.{v.minor}; it must be 3.11, 3.12 or 3.13")'
	@ours=$$($(ALONE) $(PYTHON) -c "$(VERSION)"); there=$$($(ALONE) "$(BIN)/python" -c "import pip; $(VERSION)" 2>/dev/null); \
	if [ "$$ours" != "$$there" ]; then \
	    $(ALONE) $(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	        { echo "PYTHON = $(PYTHON) cannot make an environment with pip: apt-get install python3-venv" >&2; exit 1; }; \
	    [ ! -e $(VENV) ] || echo "$(VENV)/ is made anew: it has no pip, or another Python than $$ours"; \
	    rm -rf $(VENV) && $(ALONE) $(PYTHON) -m venv $(VENV); \
	fi
	@echo "Installing requirements.lock into $(VENV)/ (once; some minutes)"
	@$(PIP) -r requirements.lock
	@$(PIP) --no-deps -e .
	@touch $@
