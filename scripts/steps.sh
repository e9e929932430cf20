# shellcheck shell=bash disable=SC2034 # names are shared with ./dev
# Steps that are run in order, each with its name and seconds; a failed one does not keep the next from running.

steps_passed=0
failed_steps=()

# step NAME COMMAND…: the command runs in a shell of its own, in which any failing line fails the step.
# `step_ok` tells afterwards how it went.
step() {
    local name=$1 start=$SECONDS status=0
    shift
    say "$name"
    set +e
    (
        set -euo pipefail
        trap - EXIT INT TERM
        "$@"
    )
    status=$?
    set -e
    if [[ $status -eq 0 ]]; then
        steps_passed=$((steps_passed + 1))
        step_ok=true
        printf 'ok    %s (%d s)\n' "$name" $((SECONDS - start))
    else
        failed_steps+=("$name")
        step_ok=false
        printf 'FAIL  %s (%d s)\n' "$name" $((SECONDS - start))
    fi
}

# A step that cannot run because one before it failed counts as failed.
step_blocked() {
    failed_steps+=("$1")
    printf 'FAIL  %s (not run: %s)\n' "$1" "$2"
}

# The last line, and the exit status.
finish_steps() {
    local name
    for name in "${failed_steps[@]}"; do
        printf 'failed: %s\n' "$name"
    done
    printf '%d passed, %d failed\n' "$steps_passed" "${#failed_steps[@]}"
    [[ ${#failed_steps[@]} -eq 0 ]]
}
