-- How the schedule stands. KEYS: queue:meta:{S}, queue:{S}, queue:active:{S}, queue:pre:{S}   ARGV: run_id
-- Gives {waiting, active, pre, serving, rate, shift, sold out}; -1 in a new life.
local call = redis.call
local m = call('HMGET', KEYS[1], 'run', 'serving', 'rate', 'shift', 'sold')
if m[1] ~= ARGV[1] then return -1 end
return {call('ZCARD', KEYS[2]), call('ZCARD', KEYS[3]), call('SCARD', KEYS[4]), m[2] + 0, m[3] + 0, m[4] + 0, m[5] + 0}
