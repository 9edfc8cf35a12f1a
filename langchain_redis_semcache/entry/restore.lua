-- KEYS[1] an entry; ARGV[1] milliseconds that it has left, or less than 1; then its fields.
-- What is there was stored by the application, and is newer than any file.
if redis.call('HMGET', KEYS[1], 'prompt')[1] then
  return 0
end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if tonumber(ARGV[1]) > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
