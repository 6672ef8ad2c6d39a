-- Many users are heard of. KEYS: queue:head:{S}   ARGV: run_id, grace ms, active ttl ms, user...
-- Gives one digit a user, the number of enum queue_status, and after them, where somebody is admitted, the end and the
-- number of each admission; -1 in a new life.
local call, grace, ttl = redis.call, ARGV[2] + 0, ARGV[3] + 0
local head = call('GET', KEYS[1])
if not head then return -1 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
if run ~= ARGV[1] then return -1 end
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
--include queue_lib
--include queue_heard
local users, digit, reply = {unpack(ARGV, 4)}, {}, {''}
local waiting = call('ZMSCORE', QUEUE, unpack(users))

local late = hear(waiting, #users, q, grace, sold)

local rest = {}
for i, user in ipairs(users) do
	if not waiting[i] then rest[#rest + 1] = user end
end
local places, ends, early, left = {}, {}, {}, {}
if #rest > 0 then
	places, ends = call('HMGET', PLACE, unpack(rest)), call('ZMSCORE', ACTIVE, unpack(rest))
	if pre >= 0 then early, left = call('SMISMEMBER', PRE, unpack(rest)), call('SMISMEMBER', LEFT, unpack(rest)) end
end
local claimed, until_ms = {}, {} -- as claim(), for all who see their admission for the first time
local function elsewhere(i)
	local number, state = string.match(places[i] or '', '^(%d+):(.)')
	local over = ends[i] and ends[i] - q > 0 and ends[i] + 0
	if over and state == '0' then
		over = q + ttl
		claimed[#claimed + 1], claimed[#claimed + 2] = rest[i], number .. ':1'
		until_ms[#until_ms + 1], until_ms[#until_ms + 2] = over, rest[i]
	end
	if state == '0' or state == '1' then
		if over then reply[#reply + 1], reply[#reply + 2] = over + now - q, number + 0 end
		return over and '3' or '5'
	end
	if state then return state == 'U' and '4' or '5' end
	return early[i] == 1 and left[i] == 0 and '1' or '0'
end
local at = 0
for i, user in ipairs(users) do
	if late[i] then
		drop(user, waiting[i])
		digit[i] = '0'
	elseif waiting[i] then
		digit[i] = sold == 1 and '6' or '2'
	else
		at = at + 1
		digit[i] = elsewhere(at)
	end
end
if #claimed > 0 then
	call('HSET', PLACE, unpack(claimed))
	call('ZADD', ACTIVE, unpack(until_ms))
end
reply[1] = table.concat(digit)
return #reply > 1 and reply or reply[1]
