-- KEYS[1] an entry; ARGV[1] the SHA-1 of the answer that the fields are about; then the fields.
-- What has expired or was deleted must not come back, and what was replaced has another answer.
local answer = redis.call('HGET', KEYS[1], 'response')
if not answer or redis.sha1hex(answer) ~= ARGV[1] then
  return 0
end
return redis.call('HSET', KEYS[1], unpack(ARGV, 2))
