-- KEYS[1] an entry; ARGV[1] the field that counts. What has expired must not come back as a count.
local found = redis.call('HMGET', KEYS[1], 'response', ARGV[1])
if not found[1] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], (tonumber(found[2] or '0') or 0) + 1)
return 1
