-- How the schedule stands. KEYS: queue:head:{S}, queue:meta:{S}, queue:{S}, queue:active:{S}, queue:pre:{S}
-- ARGV: run_id
-- Gives {waiting, active, pre, serving, rate, shift, sold out}; -1 in a new life.
local call = redis.call
local head = call('GET', KEYS[1])
if not head then return -1 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
if run ~= ARGV[1] then return -1 end
local serving = call('HGET', KEYS[2], 'serving') + 0
-- Numbers leap between lives: when nobody of an earlier one waits any more, the turn is at the leap.
if serving < base then
	local first = call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
	if not first or first + 0 > base then serving = base end
end
return {call('ZCARD', KEYS[3]), call('ZCARD', KEYS[4]), call('SCARD', KEYS[5]), serving, rate, shift, sold}
