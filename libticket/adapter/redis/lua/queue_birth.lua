-- The birth of a new life: one for all who see that the queue is gone. KEYS: queue:head:{S}, queue:birth:{S}
-- ARGV: run_id, a random number
-- Gives the number of the birth; 0 when the queue lives.
local call, of_this_run = redis.call, ARGV[1] .. ':'
if string.sub(call('GET', KEYS[1]) or '', 1, 40) == ARGV[1] then return 0 end
local birth = call('GET', KEYS[2]) or '' -- an old snapshot may have one of an earlier run
if string.sub(birth, 1, 41) == of_this_run then return string.sub(birth, 42) end
call('SET', KEYS[2], of_this_run .. ARGV[2])
return ARGV[2]
