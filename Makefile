# What each target does is in its script. GO chooses another go command.
export GO ?= go

.PHONY: build man test setup check unit fuzz e2e bench demo fmt clean

build: # the program, as released: build/aws-credproc
	CGO_ENABLED=0 $(GO) build -trimpath -o build/ .

man: build # the manual pages: build/man/man1
	build/aws-credproc man build/man/man1

test: # everything CI runs; CI=true makes a missing part a failure
	scripts/setup.sh
	scripts/check.sh
	scripts/test.sh unit fuzz e2e

setup: # install what the end-to-end tests need beside Go
	scripts/setup.sh

check: # gofmt, vet, staticcheck, govulncheck
	scripts/check.sh

unit fuzz e2e:
	scripts/test.sh $@

bench: # whole-process times; BENCH_RUNS sets how many runs of each
	scripts/bench.sh

demo:
	$(GO) run . demo

fmt:
	$(GO) fmt ./...

clean:
	rm -rf build
