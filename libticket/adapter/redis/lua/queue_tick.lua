-- One round of admission, by who holds the lease.
-- KEYS: queue:head:{S}, queue:lease:{S}, queue:meta:{S}
-- ARGV: run_id, daemon, lease ms, max active, admit per s, paused, sold out, drawn, opens at, '1' if it opens at all,
-- grace ms, claim ttl ms, uses from which on nobody is admitted
-- Gives {uses, draw due, admitted, waiting, active, pre, serving, rate, waited ms, more}; {uses} when the lease is
-- another's, -1 in a new life.
-- A round is 15 commands or so; what is not needed each time is done each KEEP_MS.
local MAX, SWEEP_MAX, STALL_MS, RATE_OVER_MS, MEASURED, KEEP_MS = 200, 1000, 5000, 10000, 0.2, 500
local call = redis.call
local head = call('GET', KEYS[1])
if not head then return -1 end
local run, shift, ticked, rate, base, pre, sold = struct.unpack('>c40dddddB', head)
if run ~= ARGV[1] then return -1 end
local holder = call('GET', KEYS[2])
if holder and holder ~= ARGV[2] then return {(call('HGET', KEYS[3], 'uses') or 0) + 0} end
call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])

local max_active, per_s, paused = ARGV[4] + 0, ARGV[5] + 0, ARGV[6] == '1'
local grace, claim_ttl = ARGV[11] + 0, ARGV[12] + 0
local m = call('HMGET', KEYS[3], 'credit', 'busy', 'rate_sum', 'rate_weight', 'serving', 'admitted', 'pace', 'kept', 'low',
	'swept', 'swept_ms', 'uses')
local t = call('TIME')
local now = t[1] * 1000 + (t[2] - t[2] % 1000) / 1000
local gap, busy = ticked > 0 and now - ticked or 0, m[2] == '1'
if gap > STALL_MS or gap < 0 then -- an outage, or the clock was set: the queue's time goes on where it was
	shift, gap, busy = shift + gap, 0, false
end
local q = now - shift
local sold_before = sold
ticked, sold = now, ARGV[7] + 0
--include queue_lib
--include queue_heard

local function since(then_ms, least) -- ms, not below `least` when it was never, long ago or in the future
	local ms = now - (then_ms or 0)
	return (ms < 0 or ms > STALL_MS) and math.max(STALL_MS, least) or ms
end
-- The notes of numbers that ascend, read in pieces.
local key, from, bytes = nil, 0, ''
local function next_note(number)
	local at = number % CHUNK
	local chunk = HEARD .. (number - at) / CHUNK
	if chunk ~= key or at < from or (at - from) * 4 + 4 > #bytes then
		key, from = chunk, at
		bytes = call('GETRANGE', key, at * 4, at * 4 + 4095)
	end
	return (at - from) * 4 + 4 <= #bytes and struct.unpack('>I4', bytes, (at - from) * 4 + 1) or 0
end

local opened = now >= ARGV[9] + 0
if opened and pre == 0 then freeze() end
if pre < 0 then pre = opened and -2 or -1 end
local due = pre > 0 or (opened and ARGV[8] ~= '1' and ARGV[10] == '1')
local waiting = call('ZCARD', QUEUE)
local keep_each = grace > 0 and math.min(KEEP_MS, grace / 4) or KEEP_MS
local kept, swept_ms, swept = m[8], m[11], m[10] or '-inf'
local keeping = since(kept, keep_each) >= keep_each

-- Admissions that are over.
local ended = call('ZRANGEBYSCORE', ACTIVE, '-inf', q, 'LIMIT', 0, MAX)
if #ended > 0 then
	local places, write, past = call('HMGET', PLACE, unpack(ended)), {}, {}
	for i, user in ipairs(ended) do
		local number = string.match(places[i] or '0', '^%d+')
		write[#write + 1], write[#write + 2] = user, number .. ':E'
		past[#past + 1], past[#past + 2] = q + REMEMBER, user
		spend(number)
	end
	call('HSET', PLACE, unpack(write))
	call('ZADD', PAST, unpack(past))
	call('ZREM', ACTIVE, unpack(ended))
end
local active = call('ZCARD', ACTIVE)

-- Who waits and is silent. Who was told that all is sold may fall silent, and is still told so for a while.
local patience = (sold == 1 and math.max(grace, REMEMBER) or grace) * 1.125 -- as hear()
-- The line is swept for them from front to back, a piece a time, once in a quarter of the grace or so; who asks or is
-- to be admitted is judged on the spot. Who waited before there was a grace is heard of now.
local silent = {}
local unswept = since(swept_ms, keep_each)
local piece_due = grace > 0 and waiting * unswept * 4 / grace or 0
if grace > 0 and (unswept >= keep_each or piece_due >= SWEEP_MAX or sold ~= sold_before) then
	local size = math.floor(math.min(SWEEP_MAX, math.max(MAX, piece_due)))
	local piece = call('ZRANGEBYSCORE', QUEUE, swept, '+inf', 'WITHSCORES', 'LIMIT', 0, size)
	for i = 2, #piece, 2 do
		local number = piece[i] + 0
		local note = next_note(number)
		if note == 0 then
			mark(number, q)
		elseif silence(note, q) > patience then
			silent[#silent + 1] = piece[i - 1]
			spend(piece[i])
		end
	end
	if #silent > 0 then call('ZREM', QUEUE, unpack(silent)) end
	waiting = waiting - #silent
	swept, swept_ms = #piece == 2 * size and '(' .. piece[#piece] or '-inf', #silent < MAX and now or 0
end

-- How many may be admitted: a bucket spreads them over the second, and no second sees more than per_s.
local cap = math.max(1, per_s / 5)
local credit = math.min(cap, (m[1] or 1e9) + per_s * gap / 1000)
local room, window, recent, pace = 0, {}, 0, m[7] or ''
local uses = (m[12] or 0) + 0
local admits = opened and not due and not paused and sold == 0 and uses < ARGV[13] + 0
if admits then
	for at, n in string.gmatch(pace, '(%d+):(%d+)') do
		if q - at < 1000 then
			window[#window + 1] = {at + 0, n + 0}
			recent = recent + n
		end
	end
	room = math.min(MAX, math.floor(credit), max_active - active, per_s - recent)
end

local popped, dropped, numbers, ends, places = {}, 0, {}, {}, {}
if room > 0 and waiting > 0 then popped = call('ZPOPMIN', QUEUE, room) end
for i = 1, #popped, 2 do
	local user, number = popped[i], popped[i + 1]
	local note = grace > 0 and next_note(number + 0) or 0
	if note > 0 and silence(note, q) > patience then
		dropped = dropped + 1
		spend(number)
	else
		numbers[#numbers + 1] = number
		ends[#ends + 1], ends[#ends + 2] = q + claim_ttl, user
		places[#places + 1], places[#places + 2] = user, number .. ':0'
	end
end
local admitted = #numbers
local serving = math.max((m[5] or 0) + 0, (numbers[admitted] or 0) + 0)
waiting, active = waiting - #popped / 2, active + admitted
if admitted > 0 then
	call('ZADD', ACTIVE, unpack(ends))
	call('HSET', PLACE, unpack(places))
	credit = credit - admitted
	window[#window + 1] = {q, admitted}
	local text, last = {}, nil
	for _, w in ipairs(window) do
		if last and (last[1] == w[1] or #text > 100) then -- with the later one: never out of the window too early
			w[2] = w[2] + last[2]
			text[#text] = nil
		end
		text[#text + 1] = string.format('%.0f:%.0f', w[1], w[2])
		last = w
	end
	pace = table.concat(text, ' ')
end

-- The rate at which people are admitted while others wait.
local sum, weight = (m[3] or 0) + 0, (m[4] or 0) + 0
if busy then
	local keep = math.exp(-gap / RATE_OVER_MS)
	sum = sum * keep + (gap > 0 and admitted * 1000 / gap * (1 - keep) or admitted * 1000 / RATE_OVER_MS)
	weight = weight * keep + 1 - keep
end
rate = weight >= MEASURED and math.floor(sum / weight * 1000) or -1
if paused or max_active == 0 then rate = 0 end

-- How long they waited: when their number was the last one.
local WHEN, waited = 'queue:when:' .. tail, -1
if admitted > 0 then
	local middle = numbers[math.floor((admitted + 1) / 2)]
	local then_ms = call('ZRANGEBYSCORE', WHEN, middle, '+inf', 'LIMIT', 0, 1)[1]
	waited = then_ms and math.max(0, now - then_ms) or 0
end

local early = pre >= 0 and call('SCARD', PRE) or 0
local idle = waiting + active + early == 0 and not due
if idle then
	call('SREM', 'queue:open', string.sub(tail, 2, -2))
	call('PEXPIRE', PLACE, REMEMBER)
	call('PEXPIRE', PAST, REMEMBER)
	call('UNLINK', WHEN)
	ticked, credit, sold, sum, weight = 0, cap, 0, 0, 0
	if pre < 0 then pre = -1 end -- nobody looks whether the opening is put off
end

local low = (m[9] or 0) + 0
if keeping or idle then
	local seq = call('GET', SEQ) + 0
	if waiting > 0 then
		local last = call('ZRANGE', WHEN, -1, -1, 'WITHSCORES')[2]
		call('ZREMRANGEBYSCORE', WHEN, '-inf', '(' .. serving)
		if not last or last + 0 < seq then call('ZADD', WHEN, seq, string.format('%.0f', now)) end
	end
	-- What was remembered long enough.
	local forgotten = call('ZRANGEBYSCORE', PAST, '-inf', q, 'LIMIT', 0, SWEEP_MAX)
	if #forgotten > 0 then
		call('HDEL', PLACE, unpack(forgotten))
		call('ZREM', PAST, unpack(forgotten))
	end
	-- What is known of numbers gone by. Leaps are between lives of the store, with nothing on the way.
	local front = math.floor((call('ZRANGE', QUEUE, 0, 0, 'WITHSCORES')[2] or seq) / CHUNK)
	if idle then front = front + 1 end
	for chunk = low, math.min(front, low + 64) - 1 do call('UNLINK', HEARD .. chunk) end
	low = front
	kept = now
end
save()
call('HSET', KEYS[3], 'credit', credit, 'busy', waiting > 0 and admits and 1 or 0, 'rate_sum', sum, 'rate_weight', weight,
	'serving', serving, 'admitted', (m[6] or 0) + admitted, 'pace', pace, 'kept', kept or 0, 'low', low, 'swept', swept,
	'swept_ms', swept_ms or 0)
local more = #ended == MAX or #silent >= MAX or dropped > 0 or #popped == 2 * MAX
return {uses, due and 1 or 0, admitted, waiting, active, early, serving, rate, waited, more and 1 or 0}
