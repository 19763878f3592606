# shellcheck shell=bash
# limit SECONDS COMMAND... - as timeout(1), but Ctrl-C ends the command too: timeout alone takes it out of the terminal's foreground.
# Tests of Ctrl-C need SIGINT as a new process has it, and background jobs and nohup hand it down ignored.
limit() {
    timeout --kill-after=10 "$1" env --default-signal=INT "${@:2}" </dev/null &
    limited=$!
    wait "$limited"
}
# shellcheck disable=SC2046  # a list
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
