-- Where a user stands. KEYS: queue:meta:{S}, queue:{S}, queue:heard:{S}: (without the piece)
-- ARGV: run_id, user, grace ms, active ttl ms
-- Gives {number, rank, total, rate} to who waits, else {status, number, rank, total, rate, ends}, the numbers of enum
-- queue_status; 0 for who has no place, -1 in a new life.
local call, user = redis.call, ARGV[2]
local m = call('HMGET', KEYS[1], 'run', 'shift', 'ticked', 'rate', 'sold', 'pre', 'base')
if m[1] ~= ARGV[1] then return -1 end
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - m[2], now - m[3]
if (stalled > 5000 or stalled < 0) and m[3] ~= '0' then q = m[3] - m[2] end

-- Waiting, and heard of a while ago: nearly every call.
local waiting = call('ZSCORE', KEYS[2], user)
if waiting and m[5] == '0' then
	local number, heard = waiting + 0, q
	if ARGV[3] ~= '0' then
		local at = number % 8192
		local bytes = call('GETRANGE', KEYS[3] .. (number - at) / 8192, at * 8, at * 8 + 7)
		heard = #bytes == 8 and struct.unpack('>d', bytes) or 0
	end
	if (q - heard) * 8 <= ARGV[3] + 0 then
		return {number, call('ZRANK', KEYS[2], user) + 1, call('ZCARD', KEYS[2]), m[4] + 0}
	end
end

local base, sold, pre, grace = m[7] + 0, m[5] ~= '0', m[6] + 0, ARGV[3] + 0
local PRE_QUEUE, WAITING, ADMITTED, USED, EXPIRED, SOLD_OUT = 1, 2, 3, 4, 5, 6
--include queue_lib
local function reply(status, number, rank, ends)
	local total = call('ZCARD', QUEUE)
	if status == PRE_QUEUE then total = total + call('SCARD', PRE) end
	return {status, number + 0, rank, total, m[4] + 0, ends or 0}
end

if waiting then
	if not hear(waiting + 0, grace, sold) then
		drop(user, waiting)
		return 0
	end
	if sold then return reply(SOLD_OUT, waiting, -1) end
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
