-- A load of the copy begins. KEYS: seat:state:{S}   ARGV: run_id, a random number
-- Gives the number of the copy's birth: drawn by the first who asks, gone with the key; that of an earlier run, as an old
-- snapshot has it, does not count.
local call, of_this_run = redis.call, ARGV[1] .. ':'
local birth = call('HGET', KEYS[1], '#birth') or ''
if string.sub(birth, 1, #of_this_run) == of_this_run then return string.sub(birth, #of_this_run + 1) end
call('HSET', KEYS[1], '#birth', of_this_run .. ARGV[2])
return ARGV[2]
