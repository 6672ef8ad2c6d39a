-- Forgets users whose holds have all ended, in a piece of seat:users:{S}.
-- KEYS: seat:users:{S}, seat:lock:{S}: (the lock keys without the seat)   ARGV: cursor
-- Gives {the next piece's cursor as text, how many were forgotten}.
local call, match = redis.call, string.match
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function has_ended(user, text)
	local first = match(text, ':%[(%d+)')
	if not first or first + 0 > now then return false end -- as nearly all: no hold at all, or one that lasts
	for seat, e in pairs(cjson.decode(text)) do
		if type(e[1]) ~= 'number' or e[1] > now or call('GET', KEYS[2] .. seat) == user then return false end
	end
	return true
end
local found, gone = call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 100), {}
for i = 1, #found[2], 2 do
	if has_ended(found[2][i], found[2][i + 1]) then gone[#gone + 1] = found[2][i] end
end
if gone[1] then call('HDEL', KEYS[1], unpack(gone)) end
return {found[1], #gone}
