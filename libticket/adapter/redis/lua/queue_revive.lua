-- The first life of a schedule, or a new one after the store lost or forgot: numbers go on above all issued before.
-- KEYS: queue:meta:{S}   ARGV: run_id, numbers are above this
local call = redis.call
local m = call('HMGET', KEYS[1], 'run', 'seq', 'shift', 'ticked', 'rate', 'sold', 'pre', 'base', 'serving', 'credit')
local seq = (m[2] or 0) + 0
local above = math.max(seq, ARGV[2] + 0)
if m[1] == ARGV[1] then -- somebody else was faster
	if above > seq then call('HSET', KEYS[1], 'seq', above) end
	return 0
end
-- Numbers up to `serving` had their turn; earlier ones than this life's are in queue:spent:{S}.
local base, serving = (m[8] or 0) + 0, (m[9] or 0) + 0
if serving > base then
	local turned = call('HGET', KEYS[1], 'turned') or ''
	call('HSET', KEYS[1], 'turned', string.sub(string.format('%.0f-%.0f ', base, serving) .. turned, 1, 1000))
end
-- What every call reads comes first in the hash, where it is found soonest.
call('HSET', KEYS[1], 'run', ARGV[1], 'seq', above, 'shift', m[3] or 0, 'ticked', m[4] or 0, 'rate', m[5] or -1,
	'sold', m[6] or 0, 'pre', m[7] or -1, 'base', above, 'serving', serving, 'credit', m[10] or 1e9)
call('SADD', 'queue:open', string.match(KEYS[1], '{(.*)}'))
return 1
