# Each target creates what it needs. On a fresh machine: `make demo` or `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.installed-run
DEV    := $(VENV)/.installed-dev

.PHONY: demo test test-slow bench lint docs captures captures-training lock clean
demo: $(RUN)
	$(BIN)/liftlab demo

test: $(DEV)
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

test-slow: $(DEV)
	$(BIN)/python -m pytest -m slow

bench: $(DEV)
	$(BIN)/python -m benchmarks.run_all

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.type_links
	$(BIN)/pyright --threads 2
	$(BIN)/python -m tests.script_types

docs: $(DEV)
	$(BIN)/mkdocs build --strict
	@echo "The pages are in build/site/index.html"

captures: $(DEV)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint requirements.lock --editable ".[captures]"
	$(BIN)/python assets/make_captures.py --scene desk --out assets/captures/desk
	$(BIN)/python assets/make_captures.py --scene shelf --out assets/captures/shelf

captures-training: $(DEV)
	$(BIN)/python -m assets.make_training_captures --kind all --seeds 0-24 --width 320 --height 240 --jobs 2 --out build/captures-training

lock: $(DEV)
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-emit-index-url --no-header -o requirements.lock

clean:
	rm -rf $(VENV)

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv

$(RUN): pyproject.toml requirements.lock | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint requirements.lock --editable .
	touch $@

$(DEV): pyproject.toml requirements.lock | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint requirements.lock --editable ".[dev]"
	touch $@ $(RUN)
