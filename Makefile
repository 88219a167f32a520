# `make` lints and tests, as CI does.
.PHONY: check lint test format docs wheel benchmark

check: lint test

.venv/bin/pytest: pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install -q -e '.[dev]'
	touch $@

lint: .venv/bin/pytest
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

test: .venv/bin/pytest
	.venv/bin/pytest

format: .venv/bin/pytest
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# The parts of README.md and docs/ that are made from the code.
docs: .venv/bin/pytest
	.venv/bin/python -m tests.docs.generate

wheel: .venv/bin/pytest
	.venv/bin/python -m build --wheel

benchmark: .venv/bin/pytest
	.venv/bin/python benchmarks/build.py
