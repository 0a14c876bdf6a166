# Rookery. Needs a Rust toolchain and a C compiler; Go, if it is there, builds the real IPFS daemon to
# compare with; node, npm and chromium, if they are there, show the site to a real browser.
#
#   make up       build, and run the whole tree until Ctrl-C (CONFIG=file for another configuration)
#   make test     everything that proves something, with a line at the end that says how much
#   make soak     the long runs: millions of messages, a thousand kills
#   make bench    measure, beside what; writes benches/RESULTS.md
#   make fmt lint format; complain
#   make peers    put the real IPFS daemon, what drives a browser, and what checks the HTTP surface into target/peers

CARGO = cargo
CONFIG =
BOXES = --workspace --exclude rookery-tests --exclude rookery-benches --bins
# Lets a test make the IPFS daemon leak, so that the supervisor can be seen to notice.
LEAK = --features ipfs-node/leak

.PHONY: build up test soak bench fmt lint peers

build:
	$(CARGO) build --release $(BOXES)

up: build
	@exec target/release/supervisor up $(if $(CONFIG),--config "$(CONFIG)")

test: peers
	@CARGO="$(CARGO)" tests/run $(LEAK)

soak: peers
	$(CARGO) build --release --workspace --bins $(LEAK)
	ROOKERY_SOAK=1 $(CARGO) test --release -p rookery-tests --test bus_conformance -- --nocapture --test-threads 1
	ROOKERY_SOAK=1 $(CARGO) test --release -p rookery-tests --test scenarios -- --nocapture --test-threads 1 crash ingest::large
	ROOKERY_SOAK=1 $(CARGO) test --release -p rookery-tests --test peers -- --nocapture --test-threads 1

bench: build peers
	$(CARGO) build --release -p rookery-benches
	target/release/rookery-bench all > target/bench.md
	mv target/bench.md benches/RESULTS.md

fmt:
	$(CARGO) fmt --all

lint:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets $(LEAK) -- -D warnings

# Pinned byte for byte by go.sum, package-lock.json and requirements.txt. Remove target/peers to build it again.
peers:
	@tests/browser/install
	@web/tests/install
	@tests/peers/ipfscluster/install
	@tests/peers/schemathesis/install
	@tests/peers/cluster/install
	@tests/peers/javascript/install
	@if [ -x target/peers/ipfs ]; then :; \
	elif command -v go > /dev/null; then \
		echo "building Kubo, the IPFS daemon to compare with"; \
		mkdir -p target/peers && cd tests/peers/kubo && \
		go build -buildvcs=false -trimpath -ldflags "-s -w" -o ../../../target/peers/ tool; \
	elif [ -n "$$CI" ]; then echo "make peers: Go is missing, and CI compares with the real Kubo" >&2; exit 1; \
	else echo "make peers: Go is missing; what compares with the real Kubo will be skipped"; fi
