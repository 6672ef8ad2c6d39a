-- Gives a hold back: compare and delete.
-- KEYS: seat:users:{S}, seat:lock:{S}:SEAT   ARGV: user, seat, an order that has ended or '', '1' for only that one's
-- Gives {verdict, order in the way}, the number of enum release_verdict.
local call, user, seat = redis.call, ARGV[1], ARGV[2]
local DONE, NOT_HELD, NOT_OWNED, ORDERED = 0, 1, 2, 3
local holder = call('GET', KEYS[2])
if not holder then return {NOT_HELD, ''} end
if holder ~= user then return {NOT_OWNED, ''} end

--include user_seats
local seats = load_seats(KEYS[1], user)
local entry = seats[seat] or {}
local ended = entry[2] == ARGV[3]
if ARGV[4] == '1' and not ended then return {NOT_HELD, ''} end
if (entry[2] or entry[1] == 'P') and not ended then return {ORDERED, entry[2] or ''} end
call('DEL', KEYS[2]) -- first: a full Redis still gives seats back
if type(entry[1]) == 'number' then
	seats[seat] = nil
	save_seats(KEYS[1], user, seats)
end
return {DONE, ''}
