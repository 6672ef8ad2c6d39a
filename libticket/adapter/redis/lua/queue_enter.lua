-- A place in the line for each who asks, the same for whoever has one.
-- KEYS: queue:head:{S}, queue:seq:{S}, queue:{S}, queue:place:{S}, queue:heard:{S}: (without the piece)
-- ARGV: run_id, opens at, grace ms, active ttl ms, the calls' users, then the numbers of their tokens or 0
-- Gives of each call: {number, rank, total, rate} to who waits, else {status, number, rank, total, rate, ends}, the
-- numbers of enum queue_status; -1 in a new life.
local call, HEARD, grace = redis.call, KEYS[5], ARGV[3] + 0
local calls, replies = (#ARGV - 4) / 2, {}
local users = {unpack(ARGV, 5, 4 + calls)}
local run, shift, ticked, rate, base, pre, sold
local head = call('GET', KEYS[1])
if head then run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head) end
if run ~= ARGV[1] then
	for n = 1, calls do replies[n] = -1 end
	return replies
end

--include queue_heard
-- New, in mid-sale: nearly every call. They stand at the end, one behind the other. The last round of admission is near
-- enough to now.
local rest = {}
if pre < 0 and sold == 0 and ticked > 0 and ticked - ARGV[2] >= 0 and (grace == 0 or grace >= 60000) then
	local places, waiting = call('HMGET', KEYS[4], unpack(users)), call('ZMSCORE', KEYS[3], unpack(users))
	local fresh, seen = {}, {}
	for n, user in ipairs(users) do
		if places[n] or waiting[n] or seen[user] or ARGV[4 + calls + n] ~= '0' then
			rest[#rest + 1] = n
		else
			fresh[#fresh + 1], seen[user] = n, true
		end
	end
	if #fresh > 0 then
		local before, line = call('INCRBY', KEYS[2], #fresh) - #fresh, {}
		for i, n in ipairs(fresh) do line[2 * i - 1], line[2 * i] = before + i, users[n] end
		call('ZADD', KEYS[3], unpack(line))
		local total = call('ZCARD', KEYS[3])
		for i, n in ipairs(fresh) do replies[n] = {before + i, total - #fresh + i, total, rate} end
		local from, last, heard = before + 1, before + #fresh, (struct.pack('>I4', stamp(ticked - shift)))
		while grace > 0 and from <= last do
			local at = from % CHUNK
			local count = math.min(CHUNK - at, last - from + 1)
			call('SETRANGE', HEARD .. (from - at) / CHUNK, at * 4, string.rep(heard, count))
			from = from + count
		end
	end
	if #rest == 0 then return replies end
else
	for n = 1, calls do rest[n] = n end
end

local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
local opens, ttl = ARGV[2] + 0, ARGV[4] + 0
local PRE_QUEUE, ADMITTED, SOLD_OUT = 1, 3, 6
--include queue_lib
local function reply(status, number, rank, ends)
	local total = call('ZCARD', QUEUE)
	if status == PRE_QUEUE then total = total + call('SCARD', PRE) end
	return {status, number + 0, rank, total, rate, ends or 0}
end
local function in_line(user, number)
	local total = call('ZCARD', QUEUE)
	if total == 1 then wake() end
	if sold == 1 then return reply(SOLD_OUT, number, -1) end
	return {number + 0, call('ZRANK', QUEUE, user) + 1, total, rate}
end
-- By the store, in an earlier life; what had its turn there has lost nothing.
local function is_lost(token, seq)
	if token <= 0 or (token > base and token <= seq) or call('SISMEMBER', SPENT, string.format('%.0f', token)) == 1 then
		return false
	end
	for low, high in string.gmatch(call('HGET', META, 'turned') or '', '(%d+)%-(%d+)') do
		if token > low + 0 and token <= high + 0 then return false end
	end
	return true
end
local function enter_early(user)
	call('SADD', PRE, user)
	if pre < 0 then
		pre = 0
		save()
		wake()
	end
	return reply(PRE_QUEUE, 0, -1)
end
local function enter(user, token)
	local number, state = string.match(call('HGET', PLACE, user) or '', '^(%d+):(.)')
	if state == '0' or state == '1' then
		local ends = claim(user, number, state, ttl)
		if ends then return reply(ADMITTED, number, 0, ends + now - q) end
		call('ZREM', ACTIVE, user)
		remember(user, number, 'E')
	end
	local waiting = call('ZSCORE', QUEUE, user)
	if waiting then
		if not hear({waiting}, 1, q, grace, sold)[1] then return in_line(user, waiting) end
		drop(user, waiting)
	elseif pre >= 0 and call('SISMEMBER', PRE, user) == 1 and call('SISMEMBER', LEFT, user) == 0 then
		if pre > 0 or now < opens then return reply(PRE_QUEUE, 0, -1) end
	end
	if sold == 1 then return reply(SOLD_OUT, 0, -1) end
	if number then -- used or expired
		forget(user)
		spend(number)
		if number + 0 == token then token = 0 end
	end
	-- Who admits may know of an opening that was brought forward before the caller does: then nobody is early.
	if now < opens and (pre == 0 or pre == -1) then return enter_early(user) end
	if pre == 0 then
		freeze()
		if call('SISMEMBER', PRE, user) == 1 then return reply(PRE_QUEUE, 0, -1) end
	end
	local seq = call('GET', SEQ) + 0
	number = is_lost(token, seq) and token or seq + 1
	if number > seq then call('SET', SEQ, number) end
	call('ZADD', QUEUE, number, user)
	if grace > 0 then mark(number, q) end
	return in_line(user, number)
end
for _, n in ipairs(rest) do replies[n] = enter(users[n], ARGV[4 + calls + n] + 0) end
return replies
