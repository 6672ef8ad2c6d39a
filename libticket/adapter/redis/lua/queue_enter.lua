-- A place in the line, the same for whoever has one.
-- KEYS: queue:meta:{S}, queue:{S}, queue:place:{S}, queue:heard:{S}: (without the piece)
-- ARGV: run_id, user, opens at, grace ms, active ttl ms, number of a token or 0
-- Gives {number, total, rate} to a new user at the end of the line, else {status, number, rank, total, rate, ends}, the
-- numbers of enum queue_status; -1 in a new life.
local call, user = redis.call, ARGV[2]
local m = call('HMGET', KEYS[1], 'run', 'seq', 'shift', 'ticked', 'rate', 'sold', 'pre', 'base')
if m[1] ~= ARGV[1] then return -1 end
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - m[3], now - m[4]
if (stalled > 5000 or stalled < 0) and m[4] ~= '0' then q = m[4] - m[3] end
local place = call('HGET', KEYS[3], user)

-- New, in mid-sale: nearly every call.
if not place and m[7] == '-1' and m[6] == '0' and ARGV[6] == '0' and now - ARGV[3] >= 0 then
	local number = m[2] + 1
	if call('ZADD', KEYS[2], 'NX', number, user) == 1 then
		call('HINCRBY', KEYS[1], 'seq', '1')
		if ARGV[4] ~= '0' then
			local at = number % 8192
			call('SETRANGE', KEYS[4] .. (number - at) / 8192, at * 8, (struct.pack('>d', q)))
		end
		local total = call('ZCARD', KEYS[2])
		if total > 1 then return {number, total, m[5] + 0} end
	end
end

local base, seq, sold, pre = m[8] + 0, m[2] + 0, m[6] ~= '0', m[7] + 0
local opens, grace, ttl, token = ARGV[3] + 0, ARGV[4] + 0, ARGV[5] + 0, ARGV[6] + 0
local PRE_QUEUE, WAITING, ADMITTED, SOLD_OUT = 1, 2, 3, 6
--include queue_lib
local function reply(status, number, rank, ends)
	local total = call('ZCARD', QUEUE)
	if status == PRE_QUEUE then total = total + call('SCARD', PRE) end
	return {status, number + 0, rank, total, m[5] + 0, ends or 0}
end
local function line(number)
	if call('ZCARD', QUEUE) == 1 then wake() end
	if sold then return reply(SOLD_OUT, number, -1) end
	return reply(WAITING, number, call('ZRANK', QUEUE, user) + 1)
end

local number, state = string.match(place or '', '^(%d+):(.)')
if state == '0' or state == '1' then
	local ends = claim(user, number, state, ttl)
	if ends then return reply(ADMITTED, number, 0, ends + now - q) end
	call('ZREM', ACTIVE, user)
	remember(user, number, 'E')
end
local waiting = call('ZSCORE', QUEUE, user)
if waiting then
	if hear(waiting + 0, grace, sold) then return line(waiting) end
	drop(user, waiting)
elseif pre >= 0 and call('SISMEMBER', PRE, user) == 1 and call('SISMEMBER', LEFT, user) == 0 then
	if pre > 0 or now < opens then return reply(PRE_QUEUE, 0, -1) end
end
if sold then return reply(SOLD_OUT, 0, -1) end
if number then -- used or expired
	forget(user)
	spend(number)
	if number == ARGV[6] then token = 0 end
end

if now < opens and pre <= 0 then
	call('SADD', PRE, user)
	if pre < 0 then
		call('HSET', KEYS[1], 'pre', '0')
		wake()
	end
	return reply(PRE_QUEUE, 0, -1)
end
if pre == 0 then
	pre = freeze(seq)
	seq = call('HGET', KEYS[1], 'seq') + 0
	if call('SISMEMBER', PRE, user) == 1 then return reply(PRE_QUEUE, 0, -1) end
end
local function lost() -- by the store, in an earlier life; what had its turn there has lost nothing
	if token <= 0 or (token > base and token <= seq) or call('SISMEMBER', SPENT, ARGV[6]) == 1 then return false end
	for low, high in string.gmatch(call('HGET', KEYS[1], 'turned') or '', '(%d+)%-(%d+)') do
		if token > low + 0 and token <= high + 0 then return false end
	end
	return true
end
number = lost() and token or seq + 1
if number > seq then call('HSET', KEYS[1], 'seq', number) end
call('ZADD', QUEUE, number, user)
if grace > 0 then mark(number) end
return line(number)
