-- Where a user stands. KEYS: queue:head:{S}, queue:{S}, queue:heard:{S}: (without the piece)
-- ARGV: run_id, user, grace ms, active ttl ms
-- Gives {number, rank, total, rate} to who waits, else {status, number, rank, total, rate, ends}, the numbers of enum
-- queue_status; 0 for who has no place, -1 in a new life.
local call, user, grace = redis.call, ARGV[2], ARGV[3] + 0
local head = call('GET', KEYS[1])
if not head then return -1 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
if run ~= ARGV[1] then return -1 end

-- Waiting, and heard of a while ago: nearly every call. The last round of admission is near enough to now.
local waiting = call('ZSCORE', KEYS[2], user)
if waiting and sold == 0 and (grace == 0 or grace >= 60000) then
	local number, silent = waiting + 0, 0
	if grace > 0 then
		local at = number % 8192
		local bytes = call('GETRANGE', KEYS[3] .. (number - at) / 8192, at * 8, at * 8 + 7)
		silent = #bytes == 8 and ticked - shift - struct.unpack('>d', bytes) or grace
	end
	if silent * 8 <= grace then
		return {number, call('ZRANK', KEYS[2], user) + 1, call('ZCARD', KEYS[2]), rate}
	end
end

local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
local PRE_QUEUE, WAITING, ADMITTED, USED, EXPIRED, SOLD_OUT = 1, 2, 3, 4, 5, 6
--include queue_lib
local function reply(status, number, rank, ends)
	local total = call('ZCARD', QUEUE)
	if status == PRE_QUEUE then total = total + call('SCARD', PRE) end
	return {status, number + 0, rank, total, rate, ends or 0}
end

if waiting then
	if not hear(waiting + 0, grace) then
		drop(user, waiting)
		return 0
	end
	if sold == 1 then return reply(SOLD_OUT, waiting, -1) end
	return reply(WAITING, waiting, call('ZRANK', QUEUE, user) + 1)
end
local number, state = string.match(call('HGET', PLACE, user) or '', '^(%d+):(.)')
if state == '0' or state == '1' then
	local ends = claim(user, number, state, ARGV[4] + 0)
	if ends then return reply(ADMITTED, number, 0, ends + now - q) end
	return reply(EXPIRED, number, -1) -- the next round of admission writes that down
end
if state then return reply(state == 'U' and USED or EXPIRED, number, -1) end
if pre >= 0 and call('SISMEMBER', PRE, user) == 1 and call('SISMEMBER', LEFT, user) == 0 then
	return reply(PRE_QUEUE, 0, -1)
end
return 0
