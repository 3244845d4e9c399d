# make run    builds the broker and starts it on loopback with user iggy, password iggy
# make test   sets up what the tests need and runs all of them, and lists what it skipped; under 15 minutes on two cores
# make check  what a reviewer needs: build, vet, format, unit tests with invariants and race, tidy
# make bench  io_uring beside epoll, and the levels of durability side by side, in one table
# make conformance  the real clients in full: Python, Rust, command line; builds what is missing
# make crash, make powercut, make mutate, make planted: the long loops, each with its result in one table

GO      ?= go
BIN     := .cache/galgo
SOURCES := $(shell find . -name '*.go' -not -name '*_test.go' -not -path './.cache/*') go.mod go.sum

.PHONY: run build test check conformance bench crash powercut mutate planted fuzz clean

$(BIN): $(SOURCES)
	@mkdir -p .cache
	$(GO) build -o $(BIN) ./cmd/galgo

build: $(BIN)

run: $(BIN)
	exec $(BIN) server --dev

test:
	@scripts/test all

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

powercut:
	@scripts/test powercut

mutate:
	@scripts/test mutate

planted:
	@scripts/test planted

clean:
	rm -rf .cache
