# make run · make test · make lint · make bench
# Everything they need is installed by scripts/bootstrap.sh on first use.

PY := .venv/bin/python
# Where CI or a developer wants more or fewer workers: make test WORKERS=2
WORKERS ?= auto

.PHONY: run test lint bench page setup setup-test wheel clean

run: setup page
	.venv/bin/ucv run --config config

test: setup-test page
	$(PY) scripts/build_dashboard.py npm run typecheck
	$(PY) scripts/build_dashboard.py npm test
	$(PY) -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

lint: setup page
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PY) scripts/build_dashboard.py npm run typecheck

bench: setup page
	$(PY) -m benchmarks

page: setup
	$(PY) scripts/build_dashboard.py

wheel: setup
	$(PY) -m build --installer uv --outdir dist

setup:
	@sh scripts/bootstrap.sh

setup-test:
	@sh scripts/bootstrap.sh test

clean:
	rm -rf .venv dashboard/node_modules frontend_bridge/ucv_bridge/page dist
