# Everything a checkout needs. Python 3.11 or newer and make must be there; the rest is installed into VENV.
#   PYTHON=/path/to/python   use this interpreter (3.11, 3.12, 3.13), and rebuild VENV if it has another
#   VENV=DIR                 build the environment somewhere else than in .venv

VENV ?= .venv
PYTHON ?=
BIN := $(VENV)/bin
SYNCED := $(VENV)/.synced

# smtp-sink and what PostgreSQL's tests call as root lie where `su` and an ordinary person's PATH do not look
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test serve check catalogues bench browser dovecot exim smtp-sink spamassassin

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(SYNCED) ## Build .venv with the locked dependencies and the newsletter command

demo: setup ## Play a whole season on this machine and check it
	$(BIN)/newsletter demo

test: setup browser dovecot exim smtp-sink spamassassin check ## Run every check and every test
	$(BIN)/python -m pytest -n 3 --dist worksteal

serve: setup ## Serve a site of your own from this folder
	@test -e newsletter.toml || $(BIN)/newsletter init
	$(BIN)/newsletter db upgrade
	$(BIN)/newsletter constellation load --yes constellation.toml
	$(BIN)/newsletter serve

check: setup ## Lint, types, imports and migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	export NEWSLETTER_DATABASE="sqlite:///$$scratch/check.sqlite3" && \
	$(BIN)/alembic upgrade head && $(BIN)/alembic check

catalogues: setup ## Collect the texts to translate in templates/locale
	@texts=$$(mktemp) && trap 'rm -f "$$texts"' EXIT && \
	$(BIN)/pybabel -q extract -F babel.toml --ignore-dirs '.* tests benchmarks' --no-location --sort-output -o "$$texts" . && \
	for file in templates/locale/*.po; do \
	  $(BIN)/pybabel -q update -i "$$texts" -o "$$file" -l "$$(basename "$$file" .po)" \
	    --no-fuzzy-matching --ignore-obsolete --omit-header --width 120 || exit; \
	done

bench: setup smtp-sink ## Measure the speed against well-known yardsticks
	$(BIN)/python -m benchmarks

# What only a system's package brings. A test must fail, not skip, where it is missing.
browser:
	@.ci/need chromium chromium sh -c 'command -v chromium'

dovecot:
	@.ci/need dovecot-imapd dovecot-imapd test -x /usr/lib/dovecot/imap
	@.ci/need dovecot-pop3d dovecot-pop3d test -x /usr/lib/dovecot/pop3

exim: setup
	@.ci/exim $(VENV)/exim

spamassassin:
	@.ci/need spamassassin spamassassin sh -c 'command -v spamassassin'

smtp-sink: # and the Postfix that it comes with
	@.ci/need smtp-sink postfix sh -c 'command -v smtp-sink && command -v postfix'

# A named interpreter is compared with the environment's each time; else only a changed lock is a reason to work.
$(SYNCED): uv.lock pyproject.toml .ci/setup $(if $(PYTHON),always)
	@.ci/setup $(VENV) $(PYTHON)
	@touch $@

.PHONY: always
always:
