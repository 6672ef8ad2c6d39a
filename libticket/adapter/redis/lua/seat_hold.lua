-- Takes seats for users, call by call; of one call all or none.
-- KEYS: seat:state:{S}, seat:users:{S}, seat:lock:{S}: (the lock keys without the seat)
--       and, where a waiting room stands before the seats: queue:head:{S}, queue:place:{S}, queue:active:{S}
-- ARGV: run_id, ttl ms, limit, opens at ms (0: open), '1' if each call is for one seat, and with a waiting room: active
--       ttl ms
--       then of all calls: user...; seats with blanks between...; and with a waiting room: number of the user's place...
-- Gives of each call: now (ms), when all seats were free: they end at now + ttl. Else {verdict, culprit, now, end...},
-- the numbers of enum hold_verdict, culprit from 0, an end negated where the seat was the user's before. Only now, when
-- that is the answer to all calls.
-- What is read once for all of them and changed by one is kept in a table for those behind it. The lock keys are
-- written at once and speak for themselves; a hold changes nothing in seat:state.
local call, singly = redis.call, ARGV[5] == '1'
local ttl, limit = ARGV[2] + 0, ARGV[3] + 0
local PLACED, LIMIT, HELD, SOLD, NOT_LOADED, TOO_EARLY, NO_ENTRY = 0, 1, 2, 3, 4, 5, 6
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends, early = now + ttl .. '', ARGV[4] ~= '0' and now < ARGV[4] + 0
local first = KEYS[4] and 6 or 5
local calls = (#ARGV - first) / (KEYS[4] and 3 or 2)
local second, refused = first + calls, KEYS[4] and {}

-- The gate: as queue_verify.lua, for a place that is admitted. What else it may be is for that script to say.
if KEYS[4] then
	local head, run, shift, ticked = call('GET', KEYS[4]), '', 0, 0
	if head then run, shift, ticked = struct.unpack('>c40dd', head) end -- as in queue_lib.lua
	local q, stalled = now - shift, now - ticked
	if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
	local places = call('HMGET', KEYS[5], unpack(ARGV, first + 1, second))
	local over = call('ZMSCORE', KEYS[6], unpack(ARGV, first + 1, second))
	local claims = {}
	for n = 1, calls do
		local user, number = ARGV[first + n], ARGV[second + calls + n]
		local claimed, unclaimed, place = number .. ':1', number .. ':0', claims[ARGV[first + n]] or places[n]
		if run ~= ARGV[1] or (place ~= claimed and place ~= unclaimed) or not over[n] or over[n] - q <= 0 then
			refused[n] = true
		elseif place == unclaimed then
			claims[user] = claimed
			call('ZADD', KEYS[6], q + ARGV[6], user)
			call('HSET', KEYS[5], user, claimed)
		end
	end
end

local state = call('HMGET', KEYS[1], '#run', unpack(ARGV, second + 1, second + calls))
local json = call('HMGET', KEYS[2], unpack(ARGV, first + 1, second))
local replies, changed, write, written, odd, hold = {}, {}, {KEYS[2]}, 1, false, nil
local head, tail = '{"', '":[' .. ends .. ']}'
for n = 1, calls do
	local user, seats, reply, new = ARGV[first + n], ARGV[second + n], nil, nil
	local text = changed[user] or json[n]
	if refused and refused[n] then reply = {NO_ENTRY, 0, now}
	elseif early then reply = {TOO_EARLY, 0, now}
	elseif state[1] ~= ARGV[1] then reply = {NOT_LOADED, 0, now}
	elseif not text and not state[n + 1] and limit > 0 and singly then
		-- One seat, never sold, and nothing that could reach the limit: nearly every call.
		local holder = call('SET', KEYS[3] .. seats, user, 'NX', 'GET', 'PXAT', ends)
		if not holder then reply, new = now, head .. seats .. tail
		elseif holder ~= user then reply = {HELD, 0, now} end
	end
	if not reply then
		if not hold then
--include seat_hold_any
		end
		reply, new = hold(user, seats, text)
	end
	replies[n], odd = reply, odd or reply ~= now
	if new then
		changed[user], write[written + 1], write[written + 2] = new, user, new
		written = written + 2
	end
end
if written > 1 then call('HSET', unpack(write)) end
return odd and replies or now
