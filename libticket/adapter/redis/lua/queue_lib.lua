-- Included by the scripts of the queue. They have set: call, KEYS[1] = queue:head:{S} and what is packed in it, now (by
-- Redis' clock, ms), q (the queue's own time). Numbers up to `base` are of earlier lives of the store; `pre` is -1:
-- nobody came early, 0: they do, how many did and wait for the draw, or -2: it has opened and nobody does any more;
-- `sold` is 0 or 1; `ticked` 0: nobody is there.
-- Numbers stay text as Redis gave them.
local REMEMBER = 600000
local tail = string.match(KEYS[1], '{.*')
local QUEUE, HEARD, ACTIVE = 'queue:' .. tail, 'queue:heard:' .. tail .. ':', 'queue:active:' .. tail
local PLACE, PAST, SPENT = 'queue:place:' .. tail, 'queue:past:' .. tail, 'queue:spent:' .. tail
local META, SEQ = 'queue:meta:' .. tail, 'queue:seq:' .. tail
local PRE, LEFT = 'queue:pre:' .. tail, 'queue:left:' .. tail

local function save() -- what every call reads, in one piece
	call('SET', KEYS[1], (struct.pack('>c40dddddB', run, shift, ticked, rate, base, pre, sold)))
end
-- Somebody came where nobody was: admission looks at the schedule from now on.
local function wake()
	call('SADD', 'queue:open', string.sub(tail, 2, -2))
	if ticked == 0 then
		ticked = now
		save()
	end
	call('PERSIST', PLACE)
	call('PERSIST', PAST)
end
-- A number of an earlier life has had its turn: its token brings it back no more.
local function spend(number)
	if tonumber(number) <= base then call('SADD', SPENT, number) end
end
local function remember(user, number, state) -- 'U' used, 'E' expired
	call('HSET', PLACE, user, number .. ':' .. state)
	call('ZADD', PAST, q + REMEMBER, user)
	call('PERSIST', PLACE)
	spend(number)
end
local function forget(user)
	if call('HDEL', PLACE, user) == 1 then call('ZREM', PAST, user) end
end
local function drop(user, number) -- out of the line
	call('ZREM', QUEUE, user)
	spend(number)
end
-- The end of an admission, claimed from now on; nil when it is over.
local function claim(user, number, state, ttl)
	local ends = call('ZSCORE', ACTIVE, user)
	if not ends or ends - q <= 0 then return nil end
	if state == '1' then return ends + 0 end
	call('ZADD', ACTIVE, q + ttl, user)
	call('HSET', PLACE, user, number .. ':1')
	return q + ttl
end
-- Opening: who came early stays in the set, which no longer grows, and numbers are kept free for them.
local function freeze()
	pre = call('SCARD', PRE)
	if pre == 0 then
		pre = -2
	else
		local seq = call('GET', SEQ) + 0
		local first = seq == base and 1 or seq + 1
		call('HSET', META, 'pre_first', first, 'pre_count', pre)
		call('SET', SEQ, math.max(seq, first + pre - 1))
	end
	save()
end
-- Whether a number is of the draw: a token from before it is good for that place.
local function drawn(number)
	local first, count = unpack(call('HMGET', META, 'pre_first', 'pre_count'))
	return first and count and number - first >= 0 and number - first < count + 0
end
