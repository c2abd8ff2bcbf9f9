-- Sends the heads that a file has, in turn, by wrk: `wrk -s browser.lua URL -- FILE`; see `browser.ts`.
local requests = {}
local count = 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for head in file:read("*a"):gmatch("(.-\r\n\r\n)") do
    requests[#requests + 1] = head
  end
  file:close()
end

function request()
  count = count + 1
  return requests[count % #requests + 1]
end
