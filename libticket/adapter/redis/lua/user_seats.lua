-- Included by others. A user's seats of one schedule, seat:user:{S}:U, as JSON: seat -> [what, order number], where
-- `what` is the end of a hold (unix ms) or 'S' sold, 'P' pending, 'H' held in the database. It is a hint that spares
-- looking for the user's seats: before it refuses anybody, it is compared with the lock keys and seat:state.
-- It goes away by itself with the last hold, unless something in it has no end.
local function save_seats(key, seats)
	local last = 0
	for _, e in pairs(seats) do
		if type(e[1]) ~= 'number' then last = math.huge
		elseif e[1] > last then last = e[1] end
	end
	if last == 0 then redis.call('DEL', key)
	elseif last == math.huge then redis.call('SET', key, cjson.encode(seats))
	else redis.call('SET', key, cjson.encode(seats), 'PXAT', last) end
end
