-- Many users are heard of. KEYS: queue:head:{S}   ARGV: run_id, grace ms, active ttl ms, user...
-- Gives one digit a user, the number of enum queue_status, and after them, where somebody is admitted, the end of each
-- admission; -1 in a new life.
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
local users, digit, reply = {unpack(ARGV, 4)}, {}, {''}
local waiting = call('ZMSCORE', QUEUE, unpack(users))
local function in_line(user, number)
	if hear(number + 0, grace) then return sold == 1 and '6' or '2' end
	drop(user, number)
	return '0'
end
local function elsewhere(user)
	local number, state = string.match(call('HGET', PLACE, user) or '', '^(%d+):(.)')
	if state == '0' or state == '1' then
		local ends = claim(user, number, state, ttl)
		if ends then reply[#reply + 1] = ends + now - q end
		return ends and '3' or '5'
	end
	if state then return state == 'U' and '4' or '5' end
	local early = pre >= 0 and call('SISMEMBER', PRE, user) == 1 and call('SISMEMBER', LEFT, user) == 0
	return early and '1' or '0'
end
for i, user in ipairs(users) do
	digit[i] = waiting[i] and in_line(user, waiting[i]) or elsewhere(user)
end
reply[1] = table.concat(digit)
return #reply > 1 and reply or reply[1]
