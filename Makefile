# Everything here needs only Python (>= 3.11), pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CUTNET := .cache/cutnet
DEMO := demo
PORT := 3000
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint types audit dev bench bench-gpu bench-peers cutnet clean

demo: $(VENV)/.base  ## the whole line over the sample catalog; DEMO=folder
	$(BIN)/catalog demo --root $(DEMO)

test: $(VENV)/.dev lint types  ## everything that must hold before a commit
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

audit: .venv-audit/.done  ## known vulnerabilities of the versions in constraints.txt, as PyPI lists them
	@.venv-audit/bin/python -c "import requests; requests.get('https://pypi.org/pypi/pip/25.0/json', timeout=30).raise_for_status()" 2>/dev/null \
		|| { echo "audit: PyPI's list of vulnerabilities cannot be reached from here; nothing was checked" >&2; exit 2; }
	.venv-audit/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off -r constraints.txt

dev: $(VENV)/.base  ## the Dagster UI with its daemon, over the sample catalog; DEMO=folder PORT=number
	$(BIN)/python -m catalog_assets.sample_catalog $(DEMO)
	DAGSTER_HOME=$(abspath $(DEMO))/.dagster CATALOG_ROOT=$(abspath $(DEMO)) $(BIN)/dagster dev -h 127.0.0.1 -p $(PORT)

bench: $(VENV)/.dev  ## figures, as CPU seconds or ratios within one run; DATA=folder also scores its photos
	$(BIN)/python -m benchmarks.line
	$(BIN)/python -m benchmarks.manifests
	$(BIN)/python -m benchmarks.cutouts $(DATA)
	$(BIN)/python -m benchmarks.ablation $(DATA)
	$(BIN)/python -m benchmarks.scenes $(DATA)
	$(BIN)/python -m benchmarks.exports
	$(BIN)/catalog demo --root .cache/benchmarks/demo
	$(BIN)/python -m benchmarks.exports_check .cache/benchmarks/demo
	$(BIN)/python -m benchmarks.fidelity_pairs .cache/benchmarks/pairs --count 6 $(if $(DATA),--data $(DATA))
	$(BIN)/python -m benchmarks.fidelity .cache/benchmarks/pairs/labels.csv --misses --catalog .cache/benchmarks/demo

bench-gpu: $(VENV)/.gpu  ## figures of the gpu profile on a machine with a GPU; needs no weights
	$(BIN)/python -m benchmarks.gpu

bench-peers: $(VENV)/.dev  ## time beside rembg, a plain loop and each other; without rembg where it cannot be installed
	-@$(MAKE) --no-print-directory .venv-rembg/.done
	$(BIN)/python -m benchmarks.peers

cutnet: $(VENV)/.dev .venv-bpy/.done  ## trains the cut-out net from nothing; MESHES=folder with models and panoramas, DATA=folder
	.venv-bpy/bin/python rendering/training_sprites.py --missing --out $(CUTNET)/sprites --count 1600
	$(if $(MESHES),.venv-bpy/bin/python rendering/training_sprites.py --missing --out $(CUTNET)/meshes --count 600 --meshes $(MESHES))
	$(BIN)/python -m training.train --work $(CUTNET)/net --sprites $(CUTNET)/sprites $(if $(MESHES),$(CUTNET)/meshes --panoramas $(MESHES))
	$(BIN)/python -m training.publish --state $(CUTNET)/net/state_fine.pt
	$(BIN)/python -m benchmarks.ablation $(DATA)

.venv-bpy/.done:  # Blender as a Python module; it wants Python 3.11 and an environment of its own
	$(PYTHON) -m venv .venv-bpy
	.venv-bpy/bin/pip install --quiet --disable-pip-version-check "bpy==4.5.*" numpy pillow pyyaml
	touch $@

.venv-audit/.done:  # an environment of its own: what pip-audit needs is no matter of ours
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	touch $@

.venv-rembg/.done:  # an environment of its own: it wants other versions than we do
	$(PYTHON) -m venv .venv-rembg
	.venv-rembg/bin/pip install --quiet --disable-pip-version-check "rembg[cli,cpu]==2.0.86"
	touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .[dev]
	touch $@ $(VENV)/.base

$(VENV)/.gpu: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) -e .[dev,gpu]
	touch $@ $(VENV)/.base

clean:
	rm -rf $(VENV) demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
