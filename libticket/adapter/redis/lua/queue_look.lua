-- How the schedule stands. KEYS: queue:head:{S}, queue:meta:{S}, queue:{S}, queue:active:{S}, queue:pre:{S}
-- ARGV: run_id
-- Gives {waiting, active, pre, serving, rate, shift, sold out}; -1 in a new life.
local call = redis.call
local head = call('GET', KEYS[1])
if not head then return -1 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
if run ~= ARGV[1] then return -1 end
local serving = call('HGET', KEYS[2], 'serving') + 0
return {call('ZCARD', KEYS[3]), call('ZCARD', KEYS[4]), call('SCARD', KEYS[5]), serving, rate, shift, sold}
