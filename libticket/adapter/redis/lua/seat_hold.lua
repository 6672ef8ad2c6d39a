-- Takes seats for users, call by call; of one call all or none.
-- KEYS: seat:state:{S}, seat:users:{S}, seat:lock:{S}: (the lock keys without the seat)
--       and, where a waiting room stands before the seats: queue:head:{S}, queue:place:{S}, queue:active:{S}
-- ARGV: run_id, ttl ms, limit, opens at ms (0: open), and with a waiting room: active ttl ms
--       then of each call: user, its seats with blanks between, and with a waiting room: number of the user's place
-- Gives of each call: now (ms), when all seats were free: they end at now + ttl. Else {verdict, culprit, now, end...},
-- the numbers of enum hold_verdict, culprit from 0, an end negated where the seat was the user's before.
-- What is read once for all of them must say what the calls before have done: `json`, and the gate's tables. The lock
-- keys are written at once and speak for themselves; a hold changes nothing in seat:state.
local call, find = redis.call, string.find
local ttl, limit = ARGV[2] + 0, ARGV[3] + 0
local PLACED, LIMIT, HELD, SOLD, NOT_LOADED, TOO_EARLY, NO_ENTRY = 0, 1, 2, 3, 4, 5, 6
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends, early = now + ttl .. '', ARGV[4] ~= '0' and now < ARGV[4] + 0

local first, step = 5, 2
if KEYS[4] then first, step = 6, 3 end
local calls, users, names, from = 0, {}, {'#run'}, {} -- a call's seats are names[from[n]] to names[from[n + 1] - 1]
for i = first, #ARGV, step do
	calls = calls + 1
	users[calls], from[calls] = ARGV[i], #names + 1
	if find(ARGV[i + 1], ' ', 1, true) then
		for seat in string.gmatch(ARGV[i + 1], '[^ ]+') do names[#names + 1] = seat end
	else
		names[#names + 1] = ARGV[i + 1]
	end
end
from[calls + 1] = #names + 1

-- The gate: as queue_verify.lua, for a place that is admitted. What else it may be is for that script to say.
local admits = nil
local head = KEYS[4] and call('GET', KEYS[4])
if head then
	local run, shift, ticked = struct.unpack('>c40dd', head) -- as in queue_lib.lua
	local q, stalled = now - shift, now - ticked
	if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
	local place, over, active_ttl = {}, {}, ARGV[5] + 0
	local places, overs = call('HMGET', KEYS[5], unpack(users)), call('ZMSCORE', KEYS[6], unpack(users))
	for n, user in ipairs(users) do place[user], over[user] = places[n], overs[n] end
	admits = function(user, number)
		local claimed, unclaimed = number .. ':1', number .. ':0'
		if run ~= ARGV[1] or (place[user] ~= claimed and place[user] ~= unclaimed) then return false end
		if not over[user] or over[user] - q <= 0 then return false end
		if place[user] == unclaimed then
			place[user], over[user] = claimed, q + active_ttl
			call('ZADD', KEYS[6], over[user], user)
			call('HSET', KEYS[5], user, claimed)
		end
		return true
	end
end

local state = call('HMGET', KEYS[1], unpack(names))
local loaded, json, write, written = state[1] == ARGV[1], {}, {}, 0
for n, text in ipairs(call('HMGET', KEYS[2], unpack(users))) do json[users[n]] = text end
local function save(user, text)
	json[user] = text
	write[written + 1], write[written + 2] = user, text
	written = written + 2
end

local function claim(s) -- what the copy says of the seat: nil or 'S', 'P', 'H'
	local kind = s and string.match(s, ':(%u):')
	return kind ~= 'F' and kind or nil
end
local function is_theirs(user, seat)
	if call('GET', KEYS[3] .. seat) == user then return true end
	local s = call('HGET', KEYS[1], seat)
	return claim(s) and string.match(s, ':(%d+)$') == user
end
local function hold(user, from, to) -- whatever there is in its way
	local seats = json[user] and cjson.decode(json[user]) or {}
	local count, locks, asked, own, fresh = to - from + 1, {}, {}, {}, 0
	for i = 1, count do
		local seat = names[from + i - 1]
		locks[i] = KEYS[3] .. seat
		asked[seat] = true
	end
	local holder = call('MGET', unpack(locks))
	for i = 1, count do
		own[i] = holder[i] == user and not claim(state[from + i - 1])
		if not own[i] then fresh = fresh + 1 end
	end

	local function others() -- the user's seats beside the asked ones
		local n = 0
		for seat in pairs(seats) do
			if not asked[seat] then n = n + 1 end
		end
		return n
	end
	if fresh > 0 then
		for seat, e in pairs(seats) do
			if type(e[1]) == 'number' and e[1] <= now then seats[seat] = nil end
		end
		if others() + count > limit then
			for seat in pairs(seats) do
				if not asked[seat] and not is_theirs(user, seat) then seats[seat] = nil end
			end
			if others() + count > limit then return {LIMIT, 0, now} end
		end
		for i = 1, count do
			local kind = claim(state[from + i - 1])
			if kind == 'S' then return {SOLD, i - 1, now} end
			if kind or (holder[i] and not own[i]) then return {HELD, i - 1, now} end
		end
	end

	local reply, changed = {PLACED, 0, now}, fresh > 0
	for i = 1, count do
		local seat, over = names[from + i - 1], now + ttl
		if own[i] then
			local left = call('PTTL', locks[i])
			if left < 0 then call('PEXPIRE', locks[i], ttl) -- set by hand, and no hold lives forever
			else over = now + left end
			if not seats[seat] then
				seats[seat] = {over}
				changed = true
			end
			reply[i + 3] = -over
		else
			call('SET', locks[i], user, 'PXAT', ends)
			seats[seat] = {over}
			reply[i + 3] = over
		end
	end
	if changed then save(user, cjson.encode(seats)) end
	return reply
end

local replies = {}
for n = 1, calls do
	local user, at, after = users[n], from[n], from[n + 1]
	if KEYS[4] and not (admits and admits(user, ARGV[first + step * n - 1])) then replies[n] = {NO_ENTRY, 0, now}
	elseif early then replies[n] = {TOO_EARLY, 0, now}
	elseif not loaded then replies[n] = {NOT_LOADED, 0, now}
	elseif after - at == 1 and not json[user] and not state[at] and limit > 0 then
		-- One seat, never sold, and nothing that could reach the limit: nearly every call.
		local holder = call('SET', KEYS[3] .. names[at], user, 'NX', 'GET', 'PXAT', ends)
		if not holder then
			save(user, '{"' .. names[at] .. '":[' .. ends .. ']}')
			replies[n] = now
		elseif holder ~= user then
			replies[n] = {HELD, 0, now}
		else
			replies[n] = hold(user, at, after - 1)
		end
	else
		replies[n] = hold(user, at, after - 1)
	end
end
if written > 0 then call('HSET', KEYS[2], unpack(write)) end
return replies
