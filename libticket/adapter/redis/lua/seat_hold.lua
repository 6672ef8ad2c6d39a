-- Takes seats for a user: all or none.
-- KEYS: seat:state:{S}, seat:users:{S}, seat:lock:{S}: (the lock keys without the seat)
--       and, where a waiting room stands before the seats: queue:head:{S}, queue:place:{S}, queue:active:{S}
-- ARGV: run_id, user, ttl ms, limit, opens at ms (0: open), seat...
--       and, after the last seat: number of the user's place, active ttl ms
-- Gives now (ms), when all seats were free: they end at now + ttl. Else {verdict, culprit, now, end...}, the numbers
-- of enum hold_verdict, culprit from 0, an end negated where the seat was the user's before.
local call, user, ttl, limit = redis.call, ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local PLACED, LIMIT, HELD, SOLD, NOT_LOADED, TOO_EARLY, NO_ENTRY = 0, 1, 2, 3, 4, 5, 6
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = #ARGV -- seat

-- The gate: as queue_verify.lua, for a place that is admitted. What else it may be is for that script to say.
if KEYS[4] then
	local number, active_ttl = ARGV[last - 1], ARGV[last]
	last = last - 2
	local head = call('GET', KEYS[4])
	if not head then return {NO_ENTRY, 0, now} end
	local run, shift, ticked = struct.unpack('>c40dd', head) -- as in queue_lib.lua
	if run ~= ARGV[1] then return {NO_ENTRY, 0, now} end
	local q, stalled = now - shift, now - ticked
	if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
	local place, ends = call('HGET', KEYS[5], user), call('ZSCORE', KEYS[6], user)
	local claimed, unclaimed = number .. ':1', number .. ':0'
	if (place ~= claimed and place ~= unclaimed) or not ends or ends - q <= 0 then return {NO_ENTRY, 0, now} end
	if place == unclaimed then
		call('ZADD', KEYS[6], q + active_ttl, user)
		call('HSET', KEYS[5], user, claimed)
	end
end
if ARGV[5] ~= '0' and now < ARGV[5] + 0 then return {TOO_EARLY, 0, now} end

local state = call('HMGET', KEYS[1], '#run', unpack(ARGV, 6, last))
if state[1] ~= ARGV[1] then return {NOT_LOADED, 0, now} end
local json = call('HGET', KEYS[2], user)

-- One seat, never sold, and nothing that could reach the limit: nearly every call.
if last == 6 and not json and not state[2] and limit > 0 then
	local ends = now + ttl .. ''
	local holder = call('SET', KEYS[3] .. ARGV[6], user, 'NX', 'GET', 'PXAT', ends)
	if not holder then
		call('HSET', KEYS[2], user, '{"' .. ARGV[6] .. '":[' .. ends .. ']}')
		return now
	end
	if holder ~= user then return {HELD, 0, now} end
end

--include user_seats
local seats = json and cjson.decode(json) or {}
local count = last - 5
local locks, asked, own, fresh = {}, {}, {}, 0
for i = 1, count do
	locks[i] = KEYS[3] .. ARGV[i + 5]
	asked[ARGV[i + 5]] = true
end
local holder = call('MGET', unpack(locks))
local function claim(s) -- what the copy says of the seat: nil or 'S', 'P', 'H'
	local kind = s and string.match(s, ':(%u):')
	return kind ~= 'F' and kind or nil
end
for i = 1, count do
	own[i] = holder[i] == user and not claim(state[i + 1])
	if not own[i] then fresh = fresh + 1 end
end

local function others() -- the user's seats beside the asked ones
	local n = 0
	for seat in pairs(seats) do
		if not asked[seat] then n = n + 1 end
	end
	return n
end
local function is_theirs(seat)
	if call('GET', KEYS[3] .. seat) == user then return true end
	local s = call('HGET', KEYS[1], seat)
	return claim(s) and string.match(s, ':(%d+)$') == user
end
if fresh > 0 then
	for seat, e in pairs(seats) do
		if type(e[1]) == 'number' and e[1] <= now then seats[seat] = nil end
	end
	if others() + count > limit then
		for seat in pairs(seats) do
			if not asked[seat] and not is_theirs(seat) then seats[seat] = nil end
		end
		if others() + count > limit then return {LIMIT, 0, now} end
	end
	for i = 1, count do
		local kind = claim(state[i + 1])
		if kind == 'S' then return {SOLD, i - 1, now} end
		if kind or (holder[i] and not own[i]) then return {HELD, i - 1, now} end
	end
end

local reply, changed = {PLACED, 0, now}, fresh > 0
for i = 1, count do
	local seat, ends = ARGV[i + 5], now + ttl
	if own[i] then
		local left = call('PTTL', locks[i])
		if left < 0 then call('PEXPIRE', locks[i], ttl) -- set by hand, and no hold lives forever
		else ends = now + left end
		if not seats[seat] then
			seats[seat] = {ends}
			changed = true
		end
		reply[i + 3] = -ends
	else
		call('SET', locks[i], user, 'PXAT', ends)
		seats[seat] = {ends}
		reply[i + 3] = ends
	end
end
if changed then save_seats(KEYS[2], user, seats) end
return reply
