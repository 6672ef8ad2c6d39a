-- The draw gives numbers to early users. KEYS: queue:meta:{S}, queue:lease:{S}
-- ARGV: run_id, daemon, first place in the draw, '1' to finish, grace ms, user...
-- Gives whether the daemon holds the lease.
local call = redis.call
local m = call('HMGET', KEYS[1], 'run', 'shift', 'ticked', 'base', 'pre', 'pre_first')
if m[1] ~= ARGV[1] or call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
if m[5] + 0 <= 0 then return 1 end -- done before
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - m[2], now - m[3]
if (stalled > 5000 or stalled < 0) and m[3] ~= '0' then q = m[3] - m[2] end
local base = m[4] + 0
--include queue_lib
local number, line = m[6] + ARGV[3] - 1, {}
local left = #ARGV > 5 and call('SMISMEMBER', LEFT, unpack(ARGV, 6)) or {}
for i = 6, #ARGV do
	if left[i - 5] == 0 then
		line[#line + 1], line[#line + 2] = number, ARGV[i]
		if ARGV[5] ~= '0' then mark(number) end
	end
	number = number + 1
end
if #line > 0 then call('ZADD', QUEUE, unpack(line)) end
if ARGV[4] == '1' then
	call('UNLINK', PRE, LEFT)
	call('HSET', KEYS[1], 'pre', '-1')
end
return 1
