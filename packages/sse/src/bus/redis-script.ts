/**
 * Appends a batch to a log, all of it or nothing.
 *
 * Ids are `<epoch>-<number>`: numbers count up by one, so that a reader sees a gap; the epoch is the moment at which this life of the log
 * began. A batch that comes twice, because its answer was lost, is stored once: the writer's key has the number of its last batch.
 *
 * KEYS: the stream, the writer's last batch (both in one slot).
 * ARGV: batch number, ms to keep the writer's key, events, bytes and ms of age to keep (-1: no bound), ms of idleness after which the log
 * is forgotten, doorbell, messages.
 *
 * @internal
 */
export const APPEND = `
local stream, writer = KEYS[1], KEYS[2]
local batch, maxEvents, maxBytes, maxAge = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local done = redis.call('GET', writer)
if done then
  local stored, last = string.match(done, '^(%d+) (.+)$')
  if stored == batch then return last end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch, number, offset = string.format('%.0f', now), 0, 0
local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
if newest then
  epoch, number = string.match(newest[1], '^(%d+)-(%d+)$')
  number, offset = tonumber(number), tonumber(newest[2][4])
end
local id
for i = 8, #ARGV do
  number = number + 1
  offset = offset + #ARGV[i]
  id = epoch .. '-' .. string.format('%.0f', number)
  redis.call('XADD', stream, id, 'm', ARGV[i], 'o', string.format('%.0f', offset), 't', string.format('%.0f', now))
end
local events = redis.call('XLEN', stream)
if maxEvents >= 0 and events > maxEvents then
  redis.call('XTRIM', stream, 'MAXLEN', maxEvents)
  events = maxEvents
end
while events > 1 and (maxBytes >= 0 or maxAge >= 0) do
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][2]
  local bytes = offset - tonumber(oldest[4]) + #oldest[2]
  if (maxBytes < 0 or bytes <= maxBytes) and (maxAge < 0 or now - tonumber(oldest[6]) <= maxAge) then break end
  events = events - 1
  redis.call('XTRIM', stream, 'MAXLEN', events)
end
redis.call('PEXPIRE', stream, ARGV[6])
redis.call('SET', writer, batch .. ' ' .. id, 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[7], id)
return id
`
