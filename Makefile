# The targets run scripts. Set GO to use another go command.
export GO ?= go

.PHONY: build man test setup check unit fuzz e2e install bench demo fmt clean release release-check

build: # build/aws-credproc, as released
	CGO_ENABLED=0 $(GO) build -trimpath -o build/ .

man: build # manual pages in build/man/man1
	build/aws-credproc man build/man/man1

test: # all checks and tests; with CI=true a missing part is an error
	scripts/setup.sh
	scripts/check.sh
	scripts/test.sh unit fuzz e2e install

setup: # install what the end-to-end tests need in addition to Go
	scripts/setup.sh

check: # static checks: see scripts/check.sh
	scripts/check.sh

unit fuzz e2e install:
	scripts/test.sh $@

bench: # benchmarks of whole processes; BENCH_RUNS is the number of runs
	scripts/bench.sh

release: # the files of a release, in dist/; publishes nothing
	scripts/release.sh

release-check: # builds the release twice, compares all files, and runs the commands of docs/verify.md
	scripts/release-check.sh

demo:
	$(GO) run . demo

fmt:
	$(GO) fmt ./...

clean:
	rm -rf build dist
