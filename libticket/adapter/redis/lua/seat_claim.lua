-- Are the holds the users'? The first claim of a hold gives it an order number and prolongs it, once.
-- KEYS: seat:state:{S}, seat:users:{S}, seat:lock:{S}: (the lock keys without the seat)
-- ARGV: run_id, at least ms, then of all calls: user...; seat...; candidate order number...; an order of this hold that
--       has ended or ''...
-- Gives of each call: ms left, when the candidate is now the hold's order; {0, ms left, order number}, when it has
-- another; else {verdict}, the number of enum claim_verdict.
-- Of what is read once for all of them a claim changes the users' entries only: `changed` is for those behind it.
local call, find, sub, match = redis.call, string.find, string.sub, string.match
local OWN, NOT_OWNED, IS_SOLD, IS_TAKEN, NOT_LOADED = 0, 1, 2, 3, 4
local FALLBACK_MS = 60000 -- for a lock that was set by hand without an end
local at_least, time, calls = ARGV[2] + 0, call('TIME'), (#ARGV - 2) / 4
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local locks, replies, changed, write = {}, {}, {}, nil
for n = 1, calls do locks[n] = KEYS[3] .. ARGV[2 + calls + n] end
local state = call('HMGET', KEYS[1], '#run', unpack(ARGV, 3 + calls, 2 + 2 * calls))
local holder, json = call('MGET', unpack(locks)), call('HMGET', KEYS[2], unpack(ARGV, 3, 2 + calls))

for n = 1, calls do
	local user, seat, s = ARGV[2 + n], ARGV[2 + calls + n], state[n + 1]
	local kind, owner, reply = nil, nil, nil
	if s then kind, owner = match(s, ':(%u):(%d+)$') end
	if state[1] ~= ARGV[1] then reply = {NOT_LOADED}
	elseif kind == 'S' then reply = {IS_SOLD}
	elseif kind and kind ~= 'F' and owner ~= user then reply = {IS_TAKEN}
	elseif holder[n] ~= user then reply = {NOT_OWNED}
	else
		local candidate, text, head = ARGV[2 + 2 * calls + n], changed[user] or json[n], '{"' .. seat .. '":['
		local left, least, new = call('PTTL', locks[n]), at_least, nil
		if left < 0 then least = math.max(least, FALLBACK_MS) end
		reply = math.max(left, least)
		if not text or (sub(text, 1, #head) == head and find(text, '^%d+%]}$', #head + 1)) then
			-- The user's only seat, and without an order: nearly every call. Its entry is written as text.
			new = head .. now + reply .. ',"' .. candidate .. '"]}'
		else
			local seats = cjson.decode(text)
			local entry = seats[seat] or {}
			if left >= 0 and entry[2] then reply = left end -- once
			if entry[2] and entry[2] ~= ARGV[2 + 3 * calls + n] then
				reply = {OWN, left, entry[2]}
			else
				if type(entry[1]) ~= 'string' then entry[1] = now + reply end
				entry[2] = candidate
				seats[seat] = entry
				new = cjson.encode(seats)
			end
		end
		if new then
			if reply > left then call('PEXPIRE', locks[n], reply) end
			changed[user] = new
			if write then write[#write + 1], write[#write + 2] = user, new
			else write = {user, new} end
		end
	end
	replies[n] = reply
end
if write then call('HSET', KEYS[2], unpack(write)) end
return replies
