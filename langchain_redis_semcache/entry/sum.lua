-- KEYS[1] the counts of a name; ARGV[1] the time, ARGV[2] how many fields there may be; then a field
-- and what is to be added to it, and so on. What there is no room for is not counted.
-- Only HMGET and HSET, so that whoever may store may count.
local names = {'since', 'fields'}
for at = 3, #ARGV, 2 do names[#names + 1] = ARGV[at] end
local old = redis.call('HMGET', KEYS[1], unpack(names))
local fields = tonumber(old[2] or '0') or 0
local new = {}
for at = 3, #ARGV, 2 do
  local before = old[(at + 3) / 2]
  if before or fields < tonumber(ARGV[2]) then
    if not before then fields = fields + 1 end
    local sum = (tonumber(before or '0') or 0) + tonumber(ARGV[at + 1])
    new[#new + 1] = ARGV[at]
    new[#new + 1] = string.format(sum % 1 == 0 and '%.0f' or '%.6f', sum)
  end
end
new[#new + 1] = 'fields'
new[#new + 1] = fields
if not old[1] then
  new[#new + 1] = 'since'
  new[#new + 1] = ARGV[1]
end
return redis.call('HSET', KEYS[1], unpack(new))
