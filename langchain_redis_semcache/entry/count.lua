-- KEYS[1] the counts of an audit; ARGV[1] how many verdicts a bin remembers, ARGV[2] how many
-- candidates; then a field and what is to be added to it, and so on. Fields end in a kind and a bin:
-- n12 (judged), k12 (wrong), m12 (met), c0 and f0 (the judge was checked, and failed). What is full
-- is halved: old evidence fades.
local key = KEYS[1]
local function add(field, number)
  local sum = redis.pcall('HINCRBY', key, field, number)
  if type(sum) ~= 'number' or sum < 0 then -- nonsense, or forgotten by two processes at once
    redis.call('HSET', key, field, 0)
    return 0
  end
  return sum
end
local function halve(field)
  local count = tonumber(redis.call('HGET', key, field) or '0') or 0
  redis.call('HSET', key, field, math.floor(math.max(0, count) / 2))
end
for at = 3, #ARGV, 2 do
  local sum = add(ARGV[at], ARGV[at + 1])
  local series, kind, bin = string.match(ARGV[at], '^(.*:)(%a)(%d+)$')
  if kind == 'n' and sum >= tonumber(ARGV[1]) then
    halve(ARGV[at])
    halve(series .. 'k' .. bin)
  elseif kind == 'c' and sum >= tonumber(ARGV[1]) then
    halve(ARGV[at])
    halve(series .. 'f' .. bin)
  elseif kind == 'm' and sum >= tonumber(ARGV[2]) then
    for _, field in ipairs(redis.call('HKEYS', key)) do
      local other, kind = string.match(field, '^(.*:)(%a)%d+$')
      if other == series and kind == 'm' then halve(field) end
    end
  end
end
return 1
