-- Merges changes of sold, pending and database-held seats: each only over a smaller revision.
-- KEYS: seat:state:{S}, seat:users:{S}, seat:lock:{S}: (the lock keys without the seat)
-- ARGV: seat, rev, kind, user, ...; kind 'S' sold, 'P' pending, 'H' held in the database, 'F' free
-- Gives how many were applied. Reads everything by three commands and writes by three, however many seats there are;
-- what is not new ends after the first of them.
local call, find, match, sub = redis.call, string.find, string.match, string.sub
local names, k = {}, 0
for i = 1, #ARGV, 4 do
	k = k + 1
	names[k] = ARGV[i]
end

-- What is new, with the user of the state before it; and repeats, which mend a list that has lost the seat.
local state, write, applied = {}, {}, 0
local seats, kinds, users, owners, locks, n = {}, {}, {}, {}, {}, 0
for i, old in ipairs(call('HMGET', KEYS[1], unpack(names))) do
	local seat, rev, kind, user = names[i], ARGV[i * 4 - 2], ARGV[i * 4 - 1], ARGV[i * 4]
	local old_rev, owner = -1, false
	old = state[seat] or old
	if old then old_rev, owner = match(old, '^(%d+):%u:(%d+)$') end
	local ahead = rev - old_rev
	if ahead >= 0 then
		local new = rev .. ':' .. kind .. ':' .. user
		if ahead > 0 then
			state[seat] = new
			applied = applied + 1
			write[applied * 2 - 1], write[applied * 2] = seat, new
		end
		if ahead > 0 or (old == new and kind ~= 'F') then
			n = n + 1
			seats[n], kinds[n], users[n], owners[n], locks[n] = seat, kind, user, owner, KEYS[3] .. seat
		end
	end
end
if n == 0 then return 0 end
if applied > 0 then call('HSET', KEYS[1], unpack(write)) end -- first: what Redis may refuse, when full

--include user_seats
-- Lists of users: JSON while that will do, else decoded.
local holder, json, lists, dirty, ended, texts = {}, {}, {}, {}, {}, {}
for i, user in ipairs(call('MGET', unpack(locks))) do holder[seats[i]] = user end
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

-- Nearly every buyer has one seat: its entry is rewritten as text. False: it takes more than that.
local function take_only_seat(seat, kind, user)
	local text = json[user]
	if text == nil then return false end
	local head, order = '{"' .. seat .. '":[', ''
	if text then
		if find(text, head, 1, true) ~= 1 or find(text, ']', 1, true) ~= #text - 1 then return false end
		local comma = kind ~= 'S' and find(text, ',', #head, true)
		if comma then order = sub(text, comma, -3) end
	end
	local new = head .. '"' .. kind .. '"' .. order .. ']}'
	if new ~= text then
		json[user] = new
		texts[#texts + 1] = user
		texts[#texts + 1] = new
	end
	return true
end
local function take(seat, kind, user) -- sold, pending, held in the database
	local by = holder[seat]
	if by and (by ~= user or kind == 'S') then
		ended[#ended + 1] = KEYS[3] .. seat
		holder[seat] = false
		if by ~= user then drop(by, seat) end
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

for i, seat in ipairs(seats) do
	local kind, user, owner = kinds[i], users[i], owners[i]
	if owner and owner ~= user then free(seat, owner) end
	if kind == 'F' then free(seat, user) else take(seat, kind, user) end
end
if #ended > 0 then call('DEL', unpack(ended)) end
if #texts > 0 then call('HSET', KEYS[2], unpack(texts)) end -- before lists: a text may have become one since
for user in pairs(dirty) do save_seats(KEYS[2], user, lists[user]) end
return applied
