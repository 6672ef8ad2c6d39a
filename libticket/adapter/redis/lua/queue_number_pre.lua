-- The draw gives numbers to early users. KEYS: queue:head:{S}, queue:lease:{S}
-- ARGV: run_id, daemon, first place in the draw, '1' to finish, grace ms, user...
-- Gives whether the daemon holds the lease.
local call = redis.call
local head = call('GET', KEYS[1])
if not head then return 0 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
if run ~= ARGV[1] or call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
if pre <= 0 then return 1 end -- done before
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local q, stalled = now - shift, now - ticked
if (stalled > 5000 or stalled < 0) and ticked > 0 then q = ticked - shift end
--include queue_lib
--include queue_heard
local number, line = call('HGET', META, 'pre_first') + ARGV[3] - 1, {}
local left = #ARGV > 5 and call('SMISMEMBER', LEFT, unpack(ARGV, 6)) or {}
for i = 6, #ARGV do
	if left[i - 5] == 0 then
		line[#line + 1], line[#line + 2] = number, ARGV[i]
		if ARGV[5] ~= '0' then mark(number, q) end
	end
	number = number + 1
end
if #line > 0 then call('ZADD', QUEUE, unpack(line)) end
if ARGV[4] == '1' then
	call('UNLINK', PRE, LEFT)
	pre = -2
	save()
end
return 1
