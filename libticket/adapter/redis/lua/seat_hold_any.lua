-- Included by seat_hold.lua, where it is made only when it is needed: a hold whatever stands in its way. It is given
-- the user, the seats with blanks between, and the user's entry in seat:users:{S}; and gives the reply, and the entry
-- when that has changed.
local function claim(s) -- what the copy says of the seat: nil or 'S', 'P', 'H'
	local kind = s and string.match(s, ':(%u):')
	return kind ~= 'F' and kind or nil
end
local function is_theirs(user, seat)
	if call('GET', KEYS[3] .. seat) == user then return true end
	local s = call('HGET', KEYS[1], seat)
	return claim(s) and string.match(s, ':(%d+)$') == user
end
hold = function(user, list, text)
	local seats, names, locks, asked, own, fresh = text and cjson.decode(text) or {}, {}, {}, {}, {}, 0
	for seat in string.gmatch(list, '[^ ]+') do
		names[#names + 1], locks[#locks + 1] = seat, KEYS[3] .. seat
		asked[seat] = true
	end
	local count, copy, holder = #names, call('HMGET', KEYS[1], unpack(names)), call('MGET', unpack(locks))
	for i = 1, count do
		own[i] = holder[i] == user and not claim(copy[i])
		if not own[i] then fresh = fresh + 1 end
	end

	local function others() -- the user's seats beside the asked ones
		local n = 0
		for seat in pairs(seats) do
			if not asked[seat] then n = n + 1 end
		end
		return n
	end
	if fresh > 0 then
		for seat, e in pairs(seats) do
			if type(e[1]) == 'number' and e[1] <= now then seats[seat] = nil end
		end
		if others() + count > limit then
			for seat in pairs(seats) do
				if not asked[seat] and not is_theirs(user, seat) then seats[seat] = nil end
			end
			if others() + count > limit then return {LIMIT, 0, now} end
		end
		for i = 1, count do
			local kind = claim(copy[i])
			if kind == 'S' then return {SOLD, i - 1, now} end
			if kind or (holder[i] and not own[i]) then return {HELD, i - 1, now} end
		end
	end

	local reply, change = {PLACED, 0, now}, fresh > 0
	for i = 1, count do
		local over = now + ttl
		if own[i] then
			local set = call('PEXPIRETIME', locks[i])
			if set < 0 then call('PEXPIRE', locks[i], ttl) -- set by hand, and no hold lives forever
			else over = set end
			if not seats[names[i]] then
				seats[names[i]] = {over}
				change = true
			end
			reply[i + 3] = -over
		else
			call('SET', locks[i], user, 'PXAT', ends)
			seats[names[i]] = {over}
			reply[i + 3] = over
		end
	end
	return reply, change and cjson.encode(seats) or nil
end
