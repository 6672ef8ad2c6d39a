-- Is this place admitted? KEYS: queue:head:{S}, queue:place:{S}, queue:active:{S}
-- ARGV: run_id, user, number, grace ms, active ttl ms
-- Gives the number of the verdict (1 waiting, 2 invalid, 3 new life), or {0, ms left}.
local call, user = redis.call, ARGV[2]
local head = call('GET', KEYS[1])
if not head then return 3 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
if run ~= ARGV[1] then return 3 end
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end

-- Admitted and claimed: nearly every call.
local place, number = call('HGET', KEYS[2], user), ARGV[3]
if place == number .. ':1' then
	local ends = call('ZSCORE', KEYS[3], user)
	if ends and ends - q > 0 then return {0, ends - q} end
	return 2
end

--include queue_lib
--include queue_heard
if number == '0' and place then
	local given = string.match(place, '^%d+')
	if drawn(given) then number = given end
end
if place == number .. ':0' or place == number .. ':1' then
	local ends = claim(user, number, string.sub(place, -1), ARGV[5] + 0)
	return ends and {0, ends - q} or 2
end
local waiting = call('ZSCORE', QUEUE, user)
if waiting then
	if waiting ~= number and number ~= '0' then return 2 end
	return hear({waiting}, 1, q, ARGV[4] + 0, sold)[1] and 2 or 1
end
local early = number == '0' and pre >= 0 and call('SISMEMBER', PRE, user) == 1
return early and call('SISMEMBER', LEFT, user) == 0 and 1 or 2
