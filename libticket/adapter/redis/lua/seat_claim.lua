-- Is the hold the user's? The first claim gives it an order number and prolongs it, once.
-- KEYS: seat:state:{S}, seat:users:{S}, seat:lock:{S}:SEAT
-- ARGV: run_id, user, seat, at least ms, candidate order number, an order of this hold that has ended or ''
-- Gives {verdict}, the number of enum claim_verdict, and for OWN {0, first, ms left, order number}.
local call, user, seat = redis.call, ARGV[2], ARGV[3]
local OWN, NOT_OWNED, IS_SOLD, IS_TAKEN, NOT_LOADED = 0, 1, 2, 3, 4
local FALLBACK_MS = 60000 -- for a lock that was set by hand without an end
local state = call('HMGET', KEYS[1], '#run', seat)
if state[1] ~= ARGV[1] then return {NOT_LOADED} end
if state[2] then
	local kind, owner = string.match(state[2], ':(%u):(%d+)$')
	if kind == 'S' then return {IS_SOLD} end
	if kind ~= 'F' and owner ~= user then return {IS_TAKEN} end
end
if call('GET', KEYS[3]) ~= user then return {NOT_OWNED} end

local left, least = call('PTTL', KEYS[3]), tonumber(ARGV[4])
if left < 0 then least = math.max(least, FALLBACK_MS) end
local prolong = left < least
local function ends()
	local time = call('TIME')
	return time[1] * 1000 + math.floor(time[2] / 1000) + left
end

-- The user's only seat, and without an order: nearly every call. Its entry is written as text.
local json, head = call('HGET', KEYS[2], user), '{"' .. seat .. '":['
if not json or (string.sub(json, 1, #head) == head and string.find(json, '^%d+%]}$', #head + 1)) then
	if prolong then left = least end
	call('HSET', KEYS[2], user, string.format('%s%d,"%s"]}', head, ends(), ARGV[5]))
	if prolong then call('PEXPIRE', KEYS[3], left) end
	return {OWN, 1, left, ARGV[5]}
end

--include user_seats
local seats = cjson.decode(json)
local entry = seats[seat] or {}
if entry[2] and entry[2] ~= ARGV[6] then return {OWN, 0, left, entry[2]} end
prolong = prolong and (left < 0 or not entry[2])
if prolong then left = least end
if type(entry[1]) ~= 'string' then entry[1] = ends() end
entry[2] = ARGV[5]
seats[seat] = entry
save_seats(KEYS[2], user, seats)
if prolong then call('PEXPIRE', KEYS[3], left) end
return {OWN, 1, left, entry[2]}
