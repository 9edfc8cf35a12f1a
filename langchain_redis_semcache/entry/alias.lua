-- KEYS[1] the alias; ARGV[1] milliseconds that it lives, or less than 1; then its fields.
-- Replaces nothing but another alias: an answer of its own is better than a borrowed one.
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HEXISTS', KEYS[1], 'of') == 0 then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if tonumber(ARGV[1]) > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
