# What developers and CI type. `make test` is everything; `make quick` is the
# Go tests on the embedded store alone, in under a minute.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10s
BENCHTIME ?= 1s

.PHONY: test quick setup lint build generate fuzz bench clean

# The kills of test/fault and the long rounds grow with GATEHOUSE_TEST_KILLS.
test: setup lint
	go test -timeout 30m ./...

# Without PostgreSQL, other languages' clients, the browser and the long fault
# tests.
quick:
	GATEHOUSE_TEST_STORES=sqlite GATEHOUSE_TEST_KILLS=3 go test $$(go list ./... | grep -v -e /test/clients -e /test/fault)

setup:
	test/setup

lint:
	@unformatted=$$(git ls-files --cached --others --exclude-standard '*.go' | xargs gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt: $$unformatted" >&2; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o gatehouse ./cmd/gatehouse

# The code of the APIs from AWS's descriptions, and the page of all settings.
generate:
	go run ./internal/apigen -models ../shared/models -out internal/api
	UPDATE_DOCS=1 go test -count=1 -run "TestDocument|TestOperations" ./internal/config ./test/conformance

# Every fuzz target for a while.
fuzz:
	@set -e; for dir in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  for target in $$(go test -list '^Fuzz' ./$$dir | grep '^Fuzz'); do \
	    echo "$$dir $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$dir; \
	  done; \
	done

# Go benchmarks of the dense parts, then a load run over loopback: the goals of
# performance.md as one table of ratios.
bench:
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) $$(git grep -l '^func Benchmark' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')
	go run ./test/bench $(BENCHFLAGS)

clean:
	rm -rf gatehouse dist test/clients/node_modules test/clients/.cache
