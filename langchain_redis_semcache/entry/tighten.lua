-- KEYS[1] an entry; ARGV[1] the distance of a question for which its answer is wrong.
-- An entry that has expired must not come back without its answer and without a TTL.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local old = tonumber(redis.call('HGET', KEYS[1], 'radius') or '9')
if old and old <= tonumber(ARGV[1]) then
  return 0
end
return redis.call('HSET', KEYS[1], 'radius', ARGV[1])
