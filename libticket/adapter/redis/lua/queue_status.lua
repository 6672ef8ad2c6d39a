-- Where users stand. KEYS: queue:head:{S}, queue:{S}, queue:heard:{S}: (without the piece)
-- ARGV: run_id, grace ms, active ttl ms, the calls' users
-- Gives of each call: {number, rank, total, rate} to who waits, else {status, number, rank, total, rate, ends}, the
-- numbers of enum queue_status; 0 for who has no place, -1 in a new life.
local call, HEARD, grace, users, replies = redis.call, KEYS[3], ARGV[2] + 0, {unpack(ARGV, 4)}, {}
local run, shift, ticked, rate, base, pre, sold
local head = call('GET', KEYS[1])
if head then run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head) end
if run ~= ARGV[1] then
	for n = 1, #users do replies[n] = -1 end
	return replies
end

--include queue_heard
-- Waiting: nearly every call. The last round of admission is near enough to now.
local waiting, rest = call('ZMSCORE', KEYS[2], unpack(users)), {}
if sold == 0 and (grace == 0 or grace >= 60000) then
	local total, q = call('ZCARD', KEYS[2]), ticked - shift
	local first, last = call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2], call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
	-- Where every number from the first to the last waits, a number says the rank; a search for each is for lines with gaps.
	local before = total > 0 and last - first + 1 == total and first - 1
	local late = hear(waiting, #users, q, grace, sold)
	for n, user in ipairs(users) do
		if waiting[n] and not late[n] then
			local number = waiting[n] + 0
			replies[n] = {number, before and number - before or call('ZRANK', KEYS[2], user) + 1, total, rate}
		else
			rest[#rest + 1] = n
		end
	end
	if #rest == 0 then return replies end
else
	for n = 1, #users do rest[n] = n end
end

local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
local ttl = ARGV[3] + 0
local PRE_QUEUE, ADMITTED, USED, EXPIRED, SOLD_OUT = 1, 3, 4, 5, 6
--include queue_lib
local function reply(status, number, rank, ends)
	local total = call('ZCARD', QUEUE)
	if status == PRE_QUEUE then total = total + call('SCARD', PRE) end
	return {status, number + 0, rank, total, rate, ends or 0}
end
local function look(user)
	local number = call('ZSCORE', QUEUE, user)
	if number and hear({number}, 1, q, grace, sold)[1] then
		drop(user, number)
		return 0
	end
	if number and sold == 1 then return reply(SOLD_OUT, number, -1) end
	if number then return {number + 0, call('ZRANK', QUEUE, user) + 1, call('ZCARD', QUEUE), rate} end
	local state
	number, state = string.match(call('HGET', PLACE, user) or '', '^(%d+):(.)')
	if state == '0' or state == '1' then
		local ends = claim(user, number, state, ttl)
		if ends then return reply(ADMITTED, number, 0, ends + now - q) end
		return reply(EXPIRED, number, -1) -- the next round of admission writes that down
	end
	if state then return reply(state == 'U' and USED or EXPIRED, number, -1) end
	if pre >= 0 and call('SISMEMBER', PRE, user) == 1 and call('SISMEMBER', LEFT, user) == 0 then
		return reply(PRE_QUEUE, 0, -1)
	end
	return 0
end
for _, n in ipairs(rest) do replies[n] = look(users[n]) end
return replies
