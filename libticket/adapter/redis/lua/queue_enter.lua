-- A place in the line, the same for whoever has one.
-- KEYS: queue:head:{S}, queue:seq:{S}, queue:{S}, queue:place:{S}, queue:heard:{S}: (without the piece)
-- ARGV: run_id, user, opens at, grace ms, active ttl ms, number of a token or 0
-- Gives {number, total, rate} to a new user at the end of the line, else {status, number, rank, total, rate, ends}, the
-- numbers of enum queue_status; -1 in a new life.
local call, user, grace = redis.call, ARGV[2], ARGV[4] + 0
local head = call('GET', KEYS[1])
if not head then return -1 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
if run ~= ARGV[1] then return -1 end
local place = call('HGET', KEYS[4], user)

-- New, in mid-sale: nearly every call. The last round of admission is near enough to now.
if not place and pre < 0 and sold == 0 and ARGV[6] == '0' and ticked > 0 and ticked - ARGV[3] >= 0
	and (grace == 0 or grace >= 60000) then
	local number = call('INCR', KEYS[2])
	if call('ZADD', KEYS[3], 'NX', number, user) == 1 then
		if grace > 0 then
			local at = number % 8192
			call('SETRANGE', KEYS[5] .. (number - at) / 8192, at * 8, (struct.pack('>d', ticked - shift)))
		end
		local total = call('ZCARD', KEYS[3])
		if total > 1 then return {number, total, rate} end
	else
		call('DECR', KEYS[2])
	end
end

local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
local opens, ttl, token = ARGV[3] + 0, ARGV[5] + 0, ARGV[6] + 0
local PRE_QUEUE, WAITING, ADMITTED, SOLD_OUT = 1, 2, 3, 6
--include queue_lib
local function reply(status, number, rank, ends)
	local total = call('ZCARD', QUEUE)
	if status == PRE_QUEUE then total = total + call('SCARD', PRE) end
	return {status, number + 0, rank, total, rate, ends or 0}
end
local function line(number)
	if call('ZCARD', QUEUE) == 1 then wake() end
	if sold == 1 then return reply(SOLD_OUT, number, -1) end
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
	if hear(waiting + 0, grace) then return line(waiting) end
	drop(user, waiting)
elseif pre >= 0 and call('SISMEMBER', PRE, user) == 1 and call('SISMEMBER', LEFT, user) == 0 then
	if pre > 0 or now < opens then return reply(PRE_QUEUE, 0, -1) end
end
if sold == 1 then return reply(SOLD_OUT, 0, -1) end
if number then -- used or expired
	forget(user)
	spend(number)
	if number == ARGV[6] then token = 0 end
end

if now < opens and pre <= 0 then
	call('SADD', PRE, user)
	if pre < 0 then
		pre = 0
		save()
		wake()
	end
	return reply(PRE_QUEUE, 0, -1)
end
if pre == 0 then
	freeze()
	if call('SISMEMBER', PRE, user) == 1 then return reply(PRE_QUEUE, 0, -1) end
end
local seq = call('GET', SEQ) + 0
local function lost() -- by the store, in an earlier life; what had its turn there has lost nothing
	if token <= 0 or (token > base and token <= seq) or call('SISMEMBER', SPENT, ARGV[6]) == 1 then return false end
	for low, high in string.gmatch(call('HGET', META, 'turned') or '', '(%d+)%-(%d+)') do
		if token > low + 0 and token <= high + 0 then return false end
	end
	return true
end
number = lost() and token or seq + 1
if number > seq then call('SET', SEQ, number) end
call('ZADD', QUEUE, number, user)
if grace > 0 then mark(number) end
return line(number)
