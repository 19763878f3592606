# shellcheck shell=bash
# Sourced by the test scripts. Runs one suite after the other, each with a time limit; counts its tests; goes on after a failure.
#   suite NAME SECONDS COUNTS COMMAND...   runs a command or an exported function. COUNTS says where it tells how many tests it ran:
#                                          one (the command is a single test), cmocka (its output), or a JUnit file that it writes
#   beside NAME SECONDS COUNTS COMMAND...  as suite, but goes on meanwhile: as many run at a time as there are cores
#   together                               waits for all of these
#   skip NAME REASON                       says what is not tested, and why
#   finish                                 says the sum; the status is 1 if anything failed or nothing ran
#   says_something COMMAND...            for a suite: the command must succeed, and say something
#   refuses WORDS COMMAND...               for a suite: the command must fail, and say so in these words (a regular expression)
# Logs and counts are kept in .build/test/PART, where PART is the name of the script that sources this: .ci/test-PART.
set -euo pipefail
unset MAKEFLAGS MFLAGS MAKELEVEL       # a make that a test runs is not part of the one that runs the test
unset CC                               # SwiftPM would take it for the C shim, and gcc will not do
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=.ci/limit.sh
. .ci/limit.sh

part=$(basename "$0")
part=${part#test-}
logs=.build/test/$part
rm -rf "$logs"
mkdir -p "$logs"
work=$(mktemp -d)
began=${EPOCHREALTIME/[.,]/}
trap 'rm -rf "$work"' EXIT

fail() { printf '%s\n' "test-$part: $*" >&2; exit 1; }

# row SUITE PASSED FAILED SKIPPED MILLISECONDS: what a suite comes to, for the reader and for the sum.
row() {
    (IFS='|'; printf '%s\n' "$part|$*|" >>"$logs/counts")       # at once: others may write too
    printf '  %-34s %5d passed %3d failed %3d skipped %7.1f s\n' "$1" "$2" "$3" "$4" "${5}e-3"
}

# The sum of an attribute of the <testsuite> elements of a JUnit file: attribute NAME FILE.
attribute() { grep -o '<testsuite [^>]*' "$2" | sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" | awk '{sum += $1} END {print sum + 0}'; }

# Sets passed, failed and skipped.
count() {
    local log=$2
    case $1 in
    one) passed=1 failed=0 skipped=0 ;;
    cmocka)
        # A test is named when it begins and when it ends; one that failed or was skipped once more at the end.
        read -r passed failed skipped < <(awk '
            /^\[       OK \]/ {ok[$4]} /^\[  FAILED  \] [A-Za-z_0-9]+$/ {bad[$4]} /^\[  SKIPPED \] [A-Za-z_0-9]+$/ {left[$4]}
            END {print length(ok), length(bad), length(left)}' "$log")
        ;;
    *)
        passed=0 failed=0 skipped=0
        [ -s "$1" ] || return 0
        failed=$(($(attribute failures "$1") + $(attribute errors "$1")))
        skipped=$(attribute skipped "$1")
        passed=$(($(grep -o '<testcase ' "$1" | wc -l) - failed - skipped))
        ;;
    esac
}

suite() {
    local name=$1 seconds=$2 counts=$3 log=$logs/$1.log status=0 start passed failed skipped
    shift 3
    start=${EPOCHREALTIME/[.,]/}
    if [ "$(type -t "$1")" = function ]; then set -- bash -euo pipefail -c '"$@"' suite "$@"; fi
    limit "$seconds" "$@" >"$log" 2>&1 || status=$?
    count "$counts" "$log"
    case $status in
    0) ;;
    124 | 137) echo "$name did not end within $seconds s" >>"$log" ;;
    *) echo "$name ended with status $status" >>"$log" ;;
    esac
    if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
        failed=1
        [ "$counts" != one ] || passed=0
    fi
    if [ "$status" = 0 ] && [ $((passed + failed + skipped)) = 0 ]; then
        echo "$name ran no test" >>"$log"
        failed=1
    fi
    row "$name" "$passed" "$failed" "$skipped" $(((${EPOCHREALTIME/[.,]/} - start) / 1000))
    if [ "$failed" != 0 ]; then
        grep -vE '^(\[ (RUN|      OK) |✔|◇)' "$log" | tail -n 100 | sed 's/^/    | /'
        echo "    the whole log is $log"
        { grep -E '^(FAILED|ERROR) |^\[  FAILED  \] \w+$|^✘.* recorded an issue' "$log" || tail -n 1 "$log"; } |
            sort -u | sed "s|^|  $name: |" >>"$logs/failures"
    elif [ "$skipped" != 0 ]; then
        grep -E '^(SKIPPED|➜|\[  SKIPPED \] \w+$)' "$log" | sort -u | sed 's/^/    | /'
    fi
}

# What a suite says comes when it is done, in the order in which they began.
untold=()
tell() {
    while [ -e "${untold[0]:-}" ]; do
        cat "${untold[0]}"
        untold=("${untold[@]:1}")
    done
}

beside() {
    local says=$logs/$1.says
    tell
    while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    untold+=("$says")
    (
        limited=
        trap 'kill $limited; exit 143' TERM
        suite "$@" >"$says.part" 2>&1 || true
        mv "$says.part" "$says"
    ) &
}

together() {
    wait
    tell
}

refuses() {
    local output
    if output=$("${@:2}" 2>&1); then echo "accepted: ${*:2}"; return 1; fi
    grep -qE "$1" <<<"$output" || { echo "refused, but not for \"$1\":"; echo "$output"; return 1; }
}
export -f refuses

# says_something COMMAND...: for a suite: it must succeed, and not in silence.
says_something() {
    local output
    output=$("$@")
    printf '%s\n' "$output"
    [ -n "$output" ] || { echo "it says nothing"; return 1; }
}
export -f says_something

skip() {
    row "$1" 0 0 1 0
    echo "    | $2"
}

finish() {
    together
    awk -F'|' -v part="$part" -v seconds="$((${EPOCHREALTIME/[.,]/} - began))e-6" '{p += $3; f += $4; s += $5}
        END {printf "test-%s: %d passed, %d failed, %d skipped in %.1f s\n", part, p, f, s, seconds; exit f > 0 || p == 0}' "$logs/counts"
}
