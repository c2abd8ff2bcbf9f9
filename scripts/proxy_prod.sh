#!/bin/sh
# Runs the proxy with exactly the permissions that its configuration needs:
#   deno task proxy:prod --config F
#
# A shell does it because it can: it puts one process in the place of another, so that the proxy is
# the process the caller has started (signals, exit code and output are its own), and it needs no
# grant to run programs. $1 is deno, the rest is for the proxy.
set -eu
deno=$1
shift
# Without links: the runtime reads some of the program by its real path, and is granted what is named.
main=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)/main.ts

case "${1-}" in
  -h | --help)
    cat <<'END'
Usage: deno task proxy:prod --config F

Runs the proxy with exactly the permissions that this configuration needs, as
  deno task proxy permissions --config F
prints them. Everything else is said in the file.
END
    exit 0
    ;;
esac

# Nothing beside it, such as --json: what is printed below is given to the shell.
case "$#:${1-}" in
  2:--config | 1:--config=*) ;;
  *)
    echo "tls-proxy: deno task proxy:prod takes --config F and nothing else" >&2
    exit 2
    ;;
esac
# Traces are of the proxy: a collector that does not answer would keep it from starting.
flags=$(OTEL_DENO=false "$deno" run -q --no-prompt --no-remote --frozen --allow-read --ignore-env \
  "$main" permissions "$@")

# SIGUSR1 would have the runtime open its debugger. Blocked here, it stays blocked in every thread
# of the proxy; where `env` cannot do it (it is GNU's), the proxy has its own, weaker ways.
block=
if env --block-signal=USR1 true 2>/dev/null; then block="env --block-signal=USR1"; fi

# A core would hold the keys.
ulimit -c 0

# As RUNTIME_FLAGS has it.
heap=--v8-flags=--max-semi-space-size=4,--memory-reducer-delay-ms=120000,--gc-memory-reducer-start-delay-ms=120000

# The flags are quoted for a shell, since a path may hold a space.
eval "set -- $flags \"\$main\" \"\$@\""
# shellcheck disable=SC2086 -- empty, or two words
exec $block "$deno" run -q --cached-only --frozen "$heap" "$@"
