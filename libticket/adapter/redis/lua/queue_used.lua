-- Orders became paid: each is counted, for who admits must not give the place of who bought the last seat to the next;
-- and the buyers' admissions are used. KEYS: queue:head:{S}, queue:place:{S}, queue:meta:{S}   ARGV: user...
-- Gives how many admissions there were.
local call = redis.call
local head = call('GET', KEYS[1])
if not head then return 0 end
call('HINCRBY', KEYS[3], 'uses', #ARGV)
local places, count = call('HMGET', KEYS[2], unpack(ARGV)), 0
for i = 1, #ARGV do
	if places[i] and string.match(places[i], ':[01]$') then count = count + 1 else places[i] = false end
end
if count == 0 then return 0 end

local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
--include queue_lib
for i, user in ipairs(ARGV) do
	if places[i] and call('ZREM', ACTIVE, user) == 1 then
		remember(user, string.match(places[i], '^%d+'), 'U')
	end
end
return count
