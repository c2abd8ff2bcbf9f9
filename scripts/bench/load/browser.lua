-- Sends the heads that a file has, in turn, by wrk: `wrk -s browser.lua URL -- FILE COUNT`; see
-- `browser.ts`. With each tenth of COUNT it says so, as h2load does.
local requests = {}
local count = 0
local tenth

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for head in file:read("*a"):gmatch("(.-\r\n\r\n)") do
    requests[#requests + 1] = head
  end
  file:close()
  tenth = tonumber(arguments[2]) / 10
end

function request()
  count = count + 1
  if count % tenth == 0 then
    io.write("progress: ", count / tenth * 10, "% done\n")
    io.flush()
  end
  return requests[count % #requests + 1]
end
