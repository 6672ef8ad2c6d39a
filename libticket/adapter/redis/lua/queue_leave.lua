-- A place is given back, or made EXPIRED. KEYS: queue:head:{S}
-- ARGV: user, number (0: any; -1: only one from before the draw, or of it), '1' to remember it as expired
local call, user, wanted, expire = redis.call, ARGV[1], ARGV[2], ARGV[3] == '1'
local head = call('GET', KEYS[1])
if not head then return 0 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
--include queue_lib
local early = wanted == '0' or wanted == '-1'
local function meant(number) return wanted == '0' or number == wanted or (wanted == '-1' and drawn(number)) end

local waiting = call('ZSCORE', QUEUE, user)
if waiting and meant(waiting) then
	drop(user, waiting)
	if expire then remember(user, waiting, 'E') end
end
local number, state = string.match(call('HGET', PLACE, user) or '', '^(%d+):(.)')
if state and meant(number) and not (waiting and expire) then
	if state == '0' or state == '1' then
		call('ZREM', ACTIVE, user)
		if expire then remember(user, number, 'E') else spend(number) end
	end
	if not expire then forget(user) end
end
if pre > 0 and call('SISMEMBER', PRE, user) == 1 then -- the draw is under way, its set stays as it is
	local meant_early = not waiting and early or waiting and meant(waiting)
	if meant_early then call('SADD', LEFT, user) end
elseif pre == 0 and early then
	call('SREM', PRE, user)
end
return 1
