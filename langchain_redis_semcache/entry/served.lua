-- KEYS[1] how often entries were served; then a slot, an entry and how often, and so on.
-- A slot belongs to one entry, as its name and a count that is never too high; another one that wants
-- it wears the count down first, so that who is served often stays. Only HMGET and HSET.
local slots = {}
for at = 1, #ARGV, 3 do slots[#slots + 1] = ARGV[at] end
local old = redis.call('HMGET', KEYS[1], unpack(slots))
local new = {}
for at = 1, #ARGV, 3 do
  local slot, entry, more = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local owner, count = string.match(old[(at + 2) / 3] or '', '^(%x+) (%d+)$')
  count = tonumber(count or '0')
  if owner == entry then
    count = count + more
  elseif owner and count > more then
    entry, count = owner, count - more
  else
    count = more
  end
  new[#new + 1] = slot
  new[#new + 1] = entry .. ' ' .. string.format('%.0f', count)
end
return redis.call('HSET', KEYS[1], unpack(new))
