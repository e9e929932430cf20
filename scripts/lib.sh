# shellcheck shell=bash
# What every command of ./dev uses: telling, failing, waiting, URLs.

# Says in a line what is being done. On stderr: stdout is for results.
say() {
    if [[ -t 2 ]]; then
        printf '\033[1m==> %s\033[0m\n' "$*" >&2
    else
        printf '==> %s\n' "$*" >&2
    fi
}

# Ends with a clear error: the first argument is what is wrong, the others are lines on how to go on.
die() {
    printf 'dev: %s\n' "$1" >&2
    shift
    [[ $# -eq 0 ]] || printf '     %s\n' "$@" >&2
    exit 1
}

has() {
    command -v "$1" > /dev/null 2>&1
}

# Runs a command and shows its output only when it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" > "$log" 2>&1 || status=$?
    [[ $status -eq 0 ]] || tail -n 40 "$log" >&2
    rm -f "$log"
    return "$status"
}

# The URL of another database of the same cluster: url_for BASE_URL DATABASE [USER[:PASSWORD]]
url_for() {
    local base=$1 database=$2 user=${3:-}
    local rest=${base#*://}
    local query=
    [[ $rest == *\?* ]] && query="?${rest#*\?}"
    rest=${rest%%\?*}
    local authority=${rest%%/*}
    if [[ -n $user ]]; then
        authority="$user@${authority##*@}"
    fi
    printf 'postgresql://%s/%s%s\n' "$authority" "$database" "$query"
}

# A random secret of 32 bytes in base64.
random_secret() {
    head -c 32 /dev/urandom | base64 | tr -d '\n'
}

# A value of a flat JSON file: json_value FILE NAME
json_value() {
    sed -nE 's/.*"'"$2"'" *: *"?([^",}]*)"?.*/\1/p' "$1" | sed 's#\\/#/#g' | head -n 1
}

# Ends a process that we started, by its id, and waits for it: stop_process PID [SECONDS]
stop_process() {
    local pid=$1 left=$((${2:-25} * 10))
    kill -TERM "$pid" 2> /dev/null || return 0
    while kill -0 "$pid" 2> /dev/null; do
        if [[ $left -le 0 ]]; then
            kill -KILL "$pid" 2> /dev/null || true
            break
        fi
        left=$((left - 1))
        sleep 0.1
    done
    wait "$pid" 2> /dev/null || true
}
