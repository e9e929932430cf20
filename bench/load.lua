-- For wrk: requests of many callers, each with a key and an address of its own, from a file with a line a caller:
-- key, address, path of a job's status; parted by blanks. Arguments: FILE KIND (intake, status or health).
local requests = {}
local place = 0

function init(arguments)
    local kind = arguments[2]
    local body = '{"workflow":"bench","payload":{"order":4711,"items":["a","b","c"],"note":"a payload of usual size"}}'
    for line in io.lines(arguments[1]) do
        local key, address, path = line:match("^(%S+) (%S+) (%S+)$")
        local headers = { ["X-Api-Key"] = key, ["X-Forwarded-For"] = address }
        if kind == "intake" then
            headers["Content-Type"] = "application/json"
            requests[#requests + 1] = wrk.format("POST", "/api/v1/intake", headers, body)
        elseif kind == "status" then
            requests[#requests + 1] = wrk.format("GET", path, headers)
        else
            requests[#requests + 1] = wrk.format("GET", "/health", headers)
        end
    end
    -- Each thread begins elsewhere and goes through all callers in an order of its own.
    math.randomseed(os.time() + tonumber(tostring(requests):match("0x(%x+)"), 16) % 1000000)
    for i = #requests, 2, -1 do
        local j = math.random(i)
        requests[i], requests[j] = requests[j], requests[i]
    end
end

function request()
    place = place % #requests + 1
    return requests[place]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        errors.status, errors.connect + errors.read + errors.write + errors.timeout
    ))
end
