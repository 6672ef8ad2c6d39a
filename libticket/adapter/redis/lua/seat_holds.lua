-- A user's holds of one schedule. What is held in the database only, or sold, is not listed.
-- KEYS: seat:users:{S}, seat:lock:{S}: (the lock keys without the seat)   ARGV: user
-- Gives {now, seat, end, ...}, times in ms.
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply, json = {now}, call('HGET', KEYS[1], ARGV[1])
for seat, e in pairs(json and cjson.decode(json) or {}) do
	if e[1] ~= 'S' and e[1] ~= 'H' and call('GET', KEYS[2] .. seat) == ARGV[1] then
		local over = call('PEXPIRETIME', KEYS[2] .. seat)
		reply[#reply + 1] = seat
		reply[#reply + 1] = over < 0 and e[1] or over
	end
end
return reply
