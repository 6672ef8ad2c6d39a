-- A load of the copy has ended, all is merged. KEYS: seat:state:{S}   ARGV: run_id, the birth that it began with
-- Gives 1; 0 when the copy has been lost since then, and what was merged meanwhile with it.
if redis.call('HGET', KEYS[1], '#birth') ~= ARGV[1] .. ':' .. ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], '#run', ARGV[1])
return 1
