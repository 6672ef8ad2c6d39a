-- The state of some seats.
-- KEYS: seat:state:{S}, seat:lock:{S}: (the lock keys without the seat)   ARGV: run_id, seat...
-- Gives one letter a seat, 'S' sold, 'H' held or pending, 'A' available; nil when the copy is of another life.
local state = redis.call('HMGET', KEYS[1], '#run', unpack(ARGV, 2))
if state[1] ~= ARGV[1] then return false end
local find, prefix, locks = string.find, KEYS[2], {}
for i = 2, #ARGV do locks[i - 1] = prefix .. ARGV[i] end
local letter = redis.call('MGET', unpack(locks))
for i = 1, #locks do
	local s = state[i + 1]
	if s and find(s, ':S:', 1, true) then letter[i] = 'S'
	elseif letter[i] or (s and not find(s, ':F:', 1, true)) then letter[i] = 'H'
	else letter[i] = 'A' end
end
return table.concat(letter)
