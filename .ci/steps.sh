# For .ci/run: steps with their times, and a table of them at the end, whatever the end is.
#
#   step TITLE COMMAND…     runs a command
#   beside TITLE COMMAND…   starts one beside the steps that follow; its output waits
#   await TITLE             waits for it, and shows its output
#
# A command may be a function; `step` may be called in one that runs beside others, which knows every function and the
# exported variables.

notes=$(mktemp -d)
: >"$notes/times"
declare -A running=()
current=
began=0

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

note() { # of the current step: a remark, or nothing
    printf '%6s  %s%s\n' "$(clock $((SECONDS - began)))" "$current" "$1" >>"$notes/times"
    current=
}

step() {
    current=$1 began=$SECONDS
    shift
    printf '\n== %s\n' "$current"
    "$@"
    printf -- '-- %s\n' "$(clock $((SECONDS - began)))"
    note "${beside:+ (beside)}"
}

beside() {
    local title=$1
    shift
    export notes
    # shellcheck disable=SC2046
    export -f $(compgen -A function)
    # A session of its own: whatever it starts can be stopped with it, also what moves to a process group of its own.
    setsid bash -c '
        set -euo pipefail
        beside=yes current= began=0
        trap '\''if [ -n "$current" ]; then note " FAILED"; fi'\'' EXIT
        "$@"
    ' beside "$@" >"$notes/$title" 2>&1 </dev/null &
    running[$title]=$!
}

await() {
    local title=$1 failed=0
    printf '\n== waiting for: %s\n' "$title"
    wait "${running[$title]}" || failed=$?
    stop "$title"
    unset "running[$title]"
    cat "$notes/$title"
    return $failed
}

stop() { # every process of a job, also those that outlived it
    pkill -s "${running[$1]}" 2>/dev/null || true
}

finish() {
    local status=$? title
    if [ -n "$current" ]; then note " FAILED"; fi
    for title in "${!running[@]}"; do
        stop "$title"
        printf '\n== not awaited: %s\n' "$title"
        tail -n 100 "$notes/$title"
    done
    printf '\n== times\n'
    cat "$notes/times"
    printf '%6s  in all\n' "$(clock $SECONDS)"
    rm -rf "$notes"
    exit $status
}
trap finish EXIT
