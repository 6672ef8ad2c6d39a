-- Merges changes of sold, pending and database-held seats: each only over a smaller revision.
-- KEYS: seat:state:{S}, seat:users:{S}, seat:lock:{S}: (the lock keys without the seat)
-- ARGV: seat, rev, kind, user, ...; kind 'S' sold, 'P' pending, 'H' held in the database, 'F' free
-- Gives how many were applied. Reads everything by three commands and writes by three, however many seats there are.
local call = redis.call
local names, locks, users, state, holder = {}, {}, {}, {}, {}
for i = 1, #ARGV, 4 do
	names[#names + 1] = ARGV[i]
	locks[#locks + 1] = KEYS[3] .. ARGV[i]
	users[#users + 1] = ARGV[i + 3]
end
local known, held = call('HMGET', KEYS[1], unpack(names)), call('MGET', unpack(locks))
for i, seat in ipairs(names) do
	state[seat], holder[seat] = known[i] or nil, held[i] or nil
end

--include user_seats
-- Lists of users: JSON as it was read while that will do, else decoded.
local json, lists, dirty, ended = {}, {}, {}, {}
for i, text in ipairs(call('HMGET', KEYS[2], unpack(users))) do json[users[i]] = text end
local function seats_of(user)
	if not lists[user] then
		local text = json[user]
		if text == nil then text = call('HGET', KEYS[2], user) end
		lists[user] = text and cjson.decode(text) or {}
		json[user] = nil
	end
	return lists[user]
end
local function put(user, seat, entry)
	seats_of(user)[seat] = entry
	dirty[user] = true
end
local function drop(user, seat)
	if seats_of(user)[seat] then put(user, seat, nil) end
end
local function end_hold(seat, keep_of)
	local h = holder[seat]
	if not h or h == keep_of then return end
	ended[#ended + 1] = KEYS[3] .. seat
	drop(h, seat)
	holder[seat] = nil
end

-- Nearly every buyer has one seat: its entry is rewritten as text. False: it takes more than that.
local function take_only_seat(seat, kind, user)
	local text = json[user]
	if text == nil then return false end
	local head, order = '{"' .. seat .. '":[', ''
	if text then
		if string.sub(text, 1, #head) ~= head or string.find(text, ']', 1, true) ~= #text - 1 then return false end
		if kind ~= 'S' then order = string.match(text, '%[[^,]*(,.*)%]}$') or '' end
	end
	local new = head .. '"' .. kind .. '"' .. order .. ']}'
	if new ~= text then json[user], dirty[user] = new, true end
	return true
end
local function take(seat, kind, user) -- sold, pending, held in the database
	end_hold(seat, user)
	if kind == 'S' and holder[seat] then
		ended[#ended + 1] = KEYS[3] .. seat
		holder[seat] = nil
	end
	if take_only_seat(seat, kind, user) then return end
	local entry = seats_of(user)[seat] or {}
	put(user, seat, {kind, kind ~= 'S' and entry[2] or nil})
end
local function free(seat, user)
	if holder[seat] ~= user then return drop(user, seat) end
	local entry = seats_of(user)[seat] or {}
	if type(entry[1]) == 'number' then return end
	local time, left = call('TIME'), call('PTTL', KEYS[3] .. seat)
	put(user, seat, {time[1] * 1000 + math.floor(time[2] / 1000) + math.max(left, 0), entry[2]})
end

local applied, write, write_last, follow = 0, {}, {}, {}
for i = 1, #ARGV, 4 do
	local seat, rev, kind, user = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
	local old, new = state[seat], rev .. ':' .. kind .. ':' .. user
	local old_rev, owner = -1, nil
	if old then
		old_rev, owner = string.match(old, '^(%d+):%u:(%d+)$')
		old_rev = tonumber(old_rev)
	end
	if tonumber(rev) > old_rev then
		state[seat] = new
		write_last[seat] = new
		applied = applied + 1
		follow[#follow + 1] = {seat, kind, user, owner}
	elseif old == new and kind ~= 'F' then -- a repeat mends a list that has lost the seat
		follow[#follow + 1] = {seat, kind, user}
	end
end
for seat, s in pairs(write_last) do
	write[#write + 1] = seat
	write[#write + 1] = s
end
if #write > 0 then call('HSET', KEYS[1], unpack(write)) end -- first: what Redis may refuse, when full
for _, f in ipairs(follow) do
	local seat, kind, user, owner = f[1], f[2], f[3], f[4]
	if owner and owner ~= user then free(seat, owner) end
	if kind == 'F' then free(seat, user) else take(seat, kind, user) end
end
if #ended > 0 then call('DEL', unpack(ended)) end
local texts = {}
for user in pairs(dirty) do
	if json[user] then
		texts[#texts + 1] = user
		texts[#texts + 1] = json[user]
	else
		save_seats(KEYS[2], user, lists[user])
	end
end
if #texts > 0 then call('HSET', KEYS[2], unpack(texts)) end
return applied
