# Two commands matter: `make run` and `make test`. `make help` lists the rest.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
MUSIC ?=
ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help setup run test chaos fuzz check format generate bench soak web clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo "antiphon: npm is missing: install Node.js 20 or newer (it brings npm)."; exit 1; }
	npm ci --no-fund --no-audit --loglevel=error
	@touch $@

# What the contracts import, printed from the descriptor that the library ships.
proto/buf/validate/validate.proto: node_modules/.package-lock.json
	@node proto/emit-validate-proto.ts $@

setup: node_modules/.package-lock.json proto/buf/validate/validate.proto

run: setup ## the whole system on this machine (MUSIC=/path/to/your/music, ARGS=--help)
	@exec node deploy/local/main.ts $(if $(MUSIC),--music "$(MUSIC)") $(ARGS)

test: setup ## all tests; brings up what they need
	@node test/src/main.ts

chaos: setup ## 64 SIGKILLs over writers, relays, consumers and brokers; 5 minutes at most
	@node mesh/src/events/chaos/main.ts

check: setup ## types, Biome, import rules and cycles, contracts, generated code
	tsc --noEmit -p .
	tsc --noEmit -p web
	biome check --error-on-warnings .
	buf lint
	buf breaking --against proto/released.binpb
	node proto/generate.ts --check

format: setup ## format everything
	biome check --write .
	buf format -w --path proto/antiphon

generate: setup ## proto/gen from the contracts
	node proto/generate.ts

soak: setup ## 15 minutes of kills, stops and restarts under load (ARGS=MINUTES)
	@node bench/src/soak/main.ts $(ARGS)

fuzz: setup ## 10 minutes of hostile bytes for the gateway (ARGS="MINUTES SEED PATH")
	@node gateway/testing/fuzz/main.ts $(ARGS)

bench: setup ## NAME=overhead make bench
	node bench/src/main.ts $(NAME)

conformance: setup ## the official Connect conformance suite (needs Go)
	@node conformance/src/run.ts

clean: ## what runs leave behind, the imported music and its data included
	rm -rf .antiphon web/dist
