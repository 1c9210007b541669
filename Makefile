# make app: the page on 127.0.0.1:7860.  make test: what must pass before a change lands.  make check: what is quick of it.
# make test-all: the long tests too.
# make docs: the pages of docs/ as a site, in build/docs.  make setup: the set-up alone.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

# An account may have no home folder (`docker run --user 12345`); Node, which drives the browser, wants one to be named.
HOME ?= /nonexistent
export HOME
# In a checkout that cannot be written the tools keep no caches.
ifneq ($(shell test -w . || echo no),)
export RUFF_NO_CACHE := true
export MYPY_CACHE_DIR := /dev/null
endif

# Tests that need no browser and no long runs; the others are for make test.
QUICK := tests/cli tests/data tests/docs tests/model tests/text tests/audio/test_audio.py tests/base/test_rounding.py \
	tests/test_layout.py tests/test_promises.py

# tests/conftest.py says what one process does together, and in which order.
ORDER := --dist loadscope --no-loadscope-reorder

.PHONY: app test test-all check style docs setup chromium test-nemo

app: setup
	$(BIN)/python app.py

setup: $(VENV)/.requirements

test: style chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 $(ORDER) --durations=25 -m "not long"

# The long ones too: every format with every family, processes killed at random moments, a processor with AVX2 only.
test-all: style chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 $(ORDER) --durations=25

# NeMo's own answers, compared anew, where a Python has nemo-toolkit beside asrquant's libraries (3 minutes, 2.6 GB).
NEMO_PYTHON ?= $(BIN)/python
test-nemo: setup
	$(NEMO_PYTHON) tests/nemo/compare.py

check: style
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 $(ORDER) -m "not long" $(QUICK)

style: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

$(VENV)/.requirements: requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info[:2] in ((3, 11), (3, 12)) or sys.exit("asrquant was tried on Python 3.11 and 3.12, this is " + sys.version.split()[0] + "; say make PYTHON=/path/to/python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.tests: tests/requirements.txt docs/requirements.txt $(VENV)/.requirements
	$(BIN)/pip install --quiet --requirement tests/requirements.txt
	touch $@

$(VENV)/.docs: docs/requirements.txt $(VENV)/.requirements
	$(BIN)/pip install --quiet --requirement docs/requirements.txt
	touch $@

# The page's tests drive a real browser; without one they are skipped, visibly. Most of them are content with its engine alone,
# which takes half of the time; where there is none they take the browser.
BROWSERS := chromium chromium-headless-shell
chromium:
	@if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || command -v chromium-headless-shell >/dev/null; then :; \
	else { timeout 120 apt-get update -qq && apt-get install -y -qq $(BROWSERS) >/dev/null; } || true; fi
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	echo "No Chromium here, so the page's tests will be skipped; install it with: sudo apt-get install $(BROWSERS)"
