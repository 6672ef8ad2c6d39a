-- The first life of a schedule, or a new one after the store lost or forgot: numbers go on above all issued before.
-- KEYS: queue:head:{S}, queue:seq:{S}, queue:meta:{S}, queue:birth:{S}
-- ARGV: run_id, numbers are above this, number of the birth
-- Gives whether it was done: that birth is the one under way.
local call, tail = redis.call, string.match(KEYS[1], '{.*')
if call('GET', KEYS[4]) ~= ARGV[1] .. ':' .. ARGV[3] then return 0 end -- somebody else was faster
call('DEL', KEYS[4])
local head, seq = call('GET', KEYS[1]), (call('GET', KEYS[2]) or 0) + 0
local above = math.max(seq, ARGV[2] + 0)
local run, shift, ticked, rate, base, pre, sold = '', 0, 0, -1, 0, -1, 0
if head then run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head) end
if above > seq or seq == 0 then call('SET', KEYS[2], above) end

-- Numbers up to `serving` had their turn; earlier ones than this life's are in queue:spent:{S}.
local serving = (call('HGET', KEYS[3], 'serving') or 0) + 0
if serving > base then
	local turned = call('HGET', KEYS[3], 'turned') or ''
	call('HSET', KEYS[3], 'turned', string.sub(string.format('%.0f-%.0f ', base, serving) .. turned, 1, 1000))
end
call('HSET', KEYS[3], 'serving', serving)
call('SET', KEYS[1], (struct.pack('>c40dddddB', ARGV[1], shift, ticked, rate, above, pre, sold)))
call('SADD', 'queue:open', string.sub(tail, 2, -2))
return 1
