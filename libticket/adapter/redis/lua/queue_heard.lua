-- Included by scripts of the queue that have set call and HEARD. When a number was last heard of: 4 bytes in a string for
-- each 250000 of them, in hundredths of a second of the queue's own time, modulo 2^32; 0: never. A second sorted set would
-- cost as much as the line itself, and a search in it for every poll; and the less there is of them, the more often they
-- are in the processor's cache. What is left of numbers gone by says nothing.
local CHUNK, ROUND = 250000, 4294967296 -- an epoch begins with a chunk
local function stamp(q)
	local s = math.floor(q / 10) % ROUND
	return s > 0 and s or 1
end
local function silence(note, q) -- ms since then; a round of admission's q may lie before it
	local since = (stamp(q) - note) % ROUND
	return since < ROUND / 2 and since * 10 or 0
end
local function mark(number, q)
	local at = number % CHUNK
	call('SETRANGE', HEARD .. (number - at) / CHUNK, at * 4, (struct.pack('>I4', stamp(q))))
end
-- Those with these numbers (false: none) are heard of; gives which come too late: nothing was heard for longer than the
-- grace, and not all is sold. Written down once in an eighth of it, which is added, so that nobody loses the place sooner.
local function hear(numbers, count, q, grace, sold)
	local late, chunks = {}, {}
	for i = 1, grace > 0 and count or 0 do
		if numbers[i] then
			local number = numbers[i] + 0
			local at = number % CHUNK
			local chunk = chunks[number - at]
			if not chunk then
				chunk = {n = 0, who = {}, read = {HEARD .. (number - at) / CHUNK}}
				chunks[number - at] = chunk
			end
			local n, read = chunk.n, chunk.read
			chunk.n, chunk.who[n + 1] = n + 1, i
			read[3 * n + 2], read[3 * n + 3], read[3 * n + 4] = 'GET', 'u32', string.format('#%d', at)
		end
	end
	for _, chunk in pairs(chunks) do
		local notes, write = call('BITFIELD_RO', unpack(chunk.read)), {chunk.read[1]}
		for n = 1, chunk.n do
			local silent = notes[n] > 0 and silence(notes[n], q) or ROUND
			if silent > grace * 1.125 and notes[n] > 0 and sold == 0 then
				late[chunk.who[n]] = true
			elseif silent * 8 > grace then
				local k = #write
				write[k + 1], write[k + 2], write[k + 3], write[k + 4] = 'SET', 'u32', chunk.read[3 * n + 1], stamp(q)
			end
		end
		if #write > 1 then call('BITFIELD', unpack(write)) end
	end
	return late
end
