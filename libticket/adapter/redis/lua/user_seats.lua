-- Included by others. A user's seats of one schedule, a field of the hash seat:users:{S}, as JSON:
-- seat -> [what, order number], where `what` is the end of a hold (unix ms) or 'S' sold, 'P' pending, 'H' held in the
-- database. It is a hint that spares looking for the user's seats: before it refuses anybody, it is compared with the
-- lock keys and seat:state. Holds that ran out stay in it until their user comes back.
local function load_seats(key, user)
	local json = redis.call('HGET', key, user)
	return json and cjson.decode(json) or {}
end
local function save_seats(key, user, seats)
	if next(seats) then redis.call('HSET', key, user, cjson.encode(seats))
	else redis.call('HDEL', key, user) end
end
