# make run    builds the broker and starts it on loopback with user iggy, password iggy
# make test   sets up what the tests need and runs all of them, and lists what it skipped; at most 30 minutes on two cores
# make test-quick  what each commit has to pass; under 5 minutes
# make check  what a reviewer needs: build, vet, format, unit tests with invariants and race, tidy
# make bench  io_uring beside epoll, and the levels of durability side by side, in one table
# make conformance  the real clients in full: Python, Rust, command line; builds what is missing
# make crash, make chaos, make powercut, make mutate, make planted: the long loops, each with its result in one table
# make sim      10,000 whole brokers with their clients, each in one goroutine from a seed
# make tenants  hostile tenants at brokers in small containers, 20 minutes each; goes on without the terminal

GO      ?= go
BIN     := .cache/galgo
# What the binary says of itself: the version is that of a tag v1.2.3 on this commit, else that of the sources.
VERSION := $(patsubst v%,%,$(shell git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null))
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo ', modified')
LDFLAGS := -X 'github.com/galgo-mq/galgo/server.version=$(VERSION)' -X 'main.commit=$(COMMIT)'
SOURCES := $(shell find . -name '*.go' -not -name '*_test.go' -not -path './.cache/*') go.mod go.sum

.PHONY: run build test test-quick check conformance bench crash chaos powercut mutate planted tenants sim fuzz clean

$(BIN): $(SOURCES)
	@mkdir -p .cache
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN) ./cmd/galgo

build: $(BIN)

run: $(BIN)
	exec $(BIN) server --dev

test:
	@scripts/test all

test-quick:
	@scripts/test quick

check:
	@scripts/test check

conformance:
	@scripts/test conformance

fuzz:
	@scripts/test fuzz

bench: $(BIN)
	$(BIN) bench compare

crash:
	@scripts/test crash

chaos:
	@scripts/test chaos

powercut:
	@scripts/test powercut

mutate:
	@scripts/test mutate

planted:
	@scripts/test planted

tenants:
	@scripts/test tenants

sim:
	@scripts/test sim

clean:
	rm -rf .cache
