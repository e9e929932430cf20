-- For wrk: plays whole HTTP requests from a file, in an order of each thread's own, and notes when completions came.
-- Arguments: FILE. The file holds, for each request, its length in decimal, a newline, and its bytes.
--
-- A connection asks for its next request when the answer to the one before is read, so the times of these questions are
-- the times of completions; only the first one of each connection is not. They are counted in slots of 100 ms, and each
-- pause of more than 20 ms between two of a thread is kept with its begin and end (seconds of the monotonic clock).
local ffi = require("ffi")
ffi.cdef([[
    typedef struct { long seconds; long nanoseconds; } moment;
    int clock_gettime(int clock, moment *now);
]])
local moment = ffi.new("moment")
local MONOTONIC = 1

local function read_clock()
    ffi.C.clock_gettime(MONOTONIC, moment)
    return tonumber(moment.seconds) + tonumber(moment.nanoseconds) * 1e-9
end

local threads = {}
local requests = {}
local place = 0
-- Global: done() reads them from each thread.
slots = {}
pauses = {}
last = 0

function setup(thread)
    threads[#threads + 1] = thread
end

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    while true do
        local length = file:read("*n")
        if not length then break end
        file:read(1)
        requests[#requests + 1] = file:read(length)
    end
    file:close()
    math.randomseed(os.time() + tonumber(tostring(requests):match("0x(%x+)"), 16) % 1000000)
    for i = #requests, 2, -1 do
        local j = math.random(i)
        requests[i], requests[j] = requests[j], requests[i]
    end
end

function request()
    local now = read_clock()
    local slot = math.floor(now * 10)
    slots[slot] = (slots[slot] or 0) + 1
    if last > 0 and now - last > 0.02 then
        pauses[#pauses + 1] = last
        pauses[#pauses + 1] = now
    end
    last = now
    place = place % #requests + 1
    return requests[place]
end

function done(summary, latency)
    local finish = read_clock()
    local counts, notes = {}, {}
    for _, thread in ipairs(threads) do
        for slot, count in pairs(thread:get("slots")) do
            counts[slot] = (counts[slot] or 0) + count
        end
        local times = {}
        for _, time in ipairs(thread:get("pauses")) do
            times[#times + 1] = string.format("%.4f", time)
        end
        -- A pause that lasts to the end has no completion behind it.
        times[#times + 1] = string.format("%.4f", thread:get("last"))
        times[#times + 1] = string.format("%.4f", finish)
        notes[#notes + 1] = "[" .. table.concat(times, ",") .. "]"
    end
    local pairs_of_slots = {}
    for slot, count in pairs(counts) do
        pairs_of_slots[#pairs_of_slots + 1] = string.format("[%d,%d]", slot, count)
    end
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d, "broken": %d, '
            .. '"slots": [%s], "pauses": [%s]}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        errors.status, errors.connect + errors.read + errors.write + errors.timeout,
        table.concat(pairs_of_slots, ","), table.concat(notes, ",")
    ))
end
