-- What browsers send, for wrk: 64 requests of four kinds in turn, 14 fields each, in which path, query,
-- referer and cookies vary. wrk reads it with the name of the host and the number of browsers whose
-- cookies there are: `wrk -s browser.lua URL -- HOST BROWSERS`.
local kinds = {
  { "text/css,*/*;q=0.1", "style", "no-cors" },
  { "*/*", "script", "no-cors" },
  { "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image", "no-cors" },
  { "*/*", "empty", "cors" },
}
local requests = {}
local count = 0

local function cookie(browser)
  local session = ""
  for part = 1, 12 do
    session = session .. string.format("%08x", (browser * 2654435761 + part * 40503 * part) % 4294967296)
  end
  return "_ga=GA1.2." .. (1000000000 + browser * 7919) .. ".1764000000; session=" .. session ..
    "; theme=dark; consent=analytics:1|ads:0; csrf=" ..
    string.format("%016x", browser * 99991) .. string.rep("k", (browser * 13) % 90)
end

function init(arguments)
  local host, browsers = arguments[1], tonumber(arguments[2])
  for index = 0, 63 do
    local kind = kinds[index % 4 + 1]
    requests[index + 1] = table.concat({
      "GET /b/asset-" .. index .. ".js?v=" .. index * 31 .. " HTTP/1.1",
      "Host: " .. host,
      "Connection: keep-alive",
      'sec-ch-ua-platform: "Linux"',
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " ..
        "Chrome/142.0.0.0 Safari/537.36",
      'sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
      "sec-ch-ua-mobile: ?0",
      "Accept: " .. kind[1],
      "Sec-Fetch-Site: same-origin",
      "Sec-Fetch-Mode: " .. kind[3],
      "Sec-Fetch-Dest: " .. kind[2],
      "Referer: https://" .. host .. "/category/" .. index % 8 .. "/items?page=" .. index % 5,
      "Accept-Encoding: gzip, deflate, br, zstd",
      "Accept-Language: en-US,en;q=0.9,de;q=0.8",
      "Cookie: " .. cookie(index % browsers),
      "",
      "",
    }, "\r\n")
  end
end

function request()
  count = count + 1
  return requests[count % #requests + 1]
end
