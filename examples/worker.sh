#!/bin/sh
# A worker in POSIX shell, with curl, and jq or python3 for JSON. It runs a command for each job.
#
# usage: LEVQOR_URL=http://127.0.0.1:8080 LEVQOR_API_KEY=lvk_… worker.sh WORKFLOW COMMAND [ARGUMENT…]
#
# The command reads the payload from standard input and writes the result to standard output. Exit status 0: the job has
# succeeded; 65: it has failed for good; any other: this attempt has failed. The command gets SIGTERM when the job is
# canceled or given to another worker. SIGTERM to this script lets the job in hand end first.
set -u

[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64; }
url=${LEVQOR_URL:-http://127.0.0.1:8080}
: "${LEVQOR_API_KEY:?set it to an API key with the scope jobs:work}"
lease_seconds=${LEASE_SECONDS:-60}
workflow=$1
shift

folder=$(mktemp -d) || exit 1
stopping=false
trap 'rm -rf "$folder"' EXIT
trap 'stopping=true' TERM INT
# The key is not shown among the arguments of curl, where others could read it.
(umask 077 && printf 'header = "X-Api-Key: %s"\nheader = "Content-Type: application/json"\n' "$LEVQOR_API_KEY" > "$folder/curl")

say() { printf '%s\n' "$*" >&2; }

# post PATH: sends standard input; the answer goes to $folder/answer. Prints the status, 000 when none came.
post() {
    curl --silent --show-error --config "$folder/curl" --max-time 30 --data-binary @- \
        --output "$folder/${2:-answer}" --write-out '%{http_code}' "$url$1" || true
}

# JSON: with jq where it is there, else with Python.
if [ "${JSON_TOOL:-jq}" = jq ] && command -v jq > /dev/null; then
    claim_body() { jq -nc --arg n "$(uname -n)-$$" --arg w "$workflow" --argjson l "$lease_seconds" \
        '{worker: $n, workflows: [$w], lease_seconds: $l, wait_seconds: 5}'; }
    field() { jq -r --arg f "$1" '.jobs[0][$f] // empty' "$folder/answer"; }
    payload() { jq -c '.jobs[0].payload' "$folder/answer"; }
    is_canceled() { jq -e '.cancel_requested' "$folder/beat" > /dev/null; }
    # A result that is no JSON is given as text.
    result_body() {
        jq -c --argjson t "$1" '{lease_token: $t, result: .}' "$folder/out" 2> /dev/null \
            || jq -Rsc --argjson t "$1" '{lease_token: $t, result: {output: .}}' "$folder/out"
    }
    error_body() { tail -c 4096 "$folder/err" | jq -Rsc --argjson t "$1" --argjson s "$2" --argjson r "$3" \
        '{lease_token: $t, retry: $r, error: {type: "command_failed", exit_code: $s, stderr: .}}'; }
else
    python() { python3 -c "import json, sys; $1" "$folder" "$2" "${3:-0}" "${4:-true}"; }
    claim_body() { python 'print(json.dumps({"worker": sys.argv[2], "workflows": [sys.argv[3]],
        "lease_seconds": int(sys.argv[4]), "wait_seconds": 5}))' "$(uname -n)-$$" "$workflow" "$lease_seconds"; }
    field() { python 'j = json.load(open(sys.argv[1] + "/answer"))["jobs"]; print(j[0][sys.argv[2]] if j else "")' "$1"; }
    payload() { python 'print(json.dumps(json.load(open(sys.argv[1] + "/answer"))["jobs"][0]["payload"]))' -; }
    is_canceled() { python 'sys.exit(not json.load(open(sys.argv[1] + "/beat"))["cancel_requested"])' -; }
    result_body() { python '
text = open(sys.argv[1] + "/out", errors="replace").read()
try: result = json.loads(text)
except ValueError: result = {"output": text}
print(json.dumps({"lease_token": int(sys.argv[2]), "result": result}))' "$1"; }
    error_body() { python '
text = open(sys.argv[1] + "/err", errors="replace").read()[-4096:]
error = {"type": "command_failed", "exit_code": int(sys.argv[3]), "stderr": text}
print(json.dumps({"lease_token": int(sys.argv[2]), "retry": sys.argv[4] == "true", "error": error}))' "$1" "$2" "$3"; }
fi

# keep JOB TOKEN PID: heartbeats at a third of the lease, as long as the command runs.
keep() {
    while sleep $((lease_seconds / 3)) && kill -0 "$3" 2> /dev/null; do
        status=$(printf '{"lease_token": %s}' "$2" | post "/api/v1/worker/jobs/$1/heartbeat" beat)
        if [ "$status" = 404 ] || [ "$status" = 409 ]; then
            : > "$folder/lost"
        elif [ "$status" != 200 ] || ! is_canceled; then
            continue
        fi
        kill "$3" 2> /dev/null
        return
    done
}

# report JOB ACTION FILE: repeats until it was heard; the token makes that safe.
report() {
    pause=1
    while :; do
        status=$(post "/api/v1/worker/jobs/$1/$2" < "$3")
        case $status in
            000 | 408 | 429 | 5??) say "$1: $2 was not taken ($status); it is sent again" ;;
            *) say "$1: $2, answered $status"; return ;;
        esac
        sleep "$pause"
        [ "$pause" -ge 15 ] || pause=$((pause * 2))
    done
}

# run JOB TOKEN COMMAND…: one job, from its payload to its report.
run() {
    job=$1 token=$2
    shift 2
    payload > "$folder/in"
    rm -f "$folder/lost"
    LEVQOR_API_KEY='' LEVQOR_JOB_ID=$job "$@" < "$folder/in" > "$folder/out" 2> "$folder/err" &
    command=$!
    keep "$job" "$token" "$command" &
    keeper=$!
    # A signal for this script ends `wait` early; the command goes on.
    while :; do
        wait "$command"
        exit_status=$?
        if [ "$exit_status" -le 128 ] || ! kill -0 "$command" 2> /dev/null; then break; fi
    done
    kill "$keeper" 2> /dev/null
    if [ -e "$folder/lost" ]; then
        say "$job: the lease is lost; the work is dropped"
    elif [ "$exit_status" = 0 ]; then
        result_body "$token" > "$folder/body"
        report "$job" complete "$folder/body"
    else
        retry=true
        [ "$exit_status" != 65 ] || retry=false
        error_body "$token" "$exit_status" "$retry" > "$folder/body"
        report "$job" fail "$folder/body"
    fi
}

while [ "$stopping" = false ]; do
    status=$(claim_body | post /api/v1/worker/claim)
    case $status in
        200) job=$(field job_id); [ -z "$job" ] || run "$job" "$(field lease_token)" "$@" ;;
        204) ;;
        000 | 408 | 429 | 5??) say "no work is given ($status)"; sleep 2 ;;
        *) say "no work is given: $status $(cat "$folder/answer")"; exit 1 ;;
    esac
done
