/**
 * What browsers send: 64 requests of four kinds in turn, 14 fields each, in which path, query, referer
 * and cookies vary.
 */

export type Field = readonly [name: string, value: string];

/** How many requests there are. */
const REQUESTS = 64;

/** The heads of all requests as HTTP/1.1 has them, one behind the other. */
export function browserHeads(host: string, browsers: number): string {
  return Array.from({ length: REQUESTS }, (_, index) => {
    const lines = [
      `GET /b/asset-${index}.js?v=${index * 31} HTTP/1.1`,
      ...[["Host", host], ["Connection", "keep-alive"], ...browserFields(host, index, browsers)]
        .map(([name, value]) => `${name}: ${value}`),
    ];
    return `${lines.join("\r\n")}\r\n\r\n`;
  }).join("");
}

/** The fields of one request beside those that only HTTP/1.1 has. */
export function browserFields(host: string, index: number, browsers: number): readonly Field[] {
  const kind = KINDS[index % KINDS.length];
  return [
    ["sec-ch-ua-platform", '"Linux"'],
    [
      "User-Agent",
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) " +
      "Chrome/142.0.0.0 Safari/537.36",
    ],
    ["sec-ch-ua", '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"'],
    ["sec-ch-ua-mobile", "?0"],
    ["Accept", kind?.accept ?? "*/*"],
    ["Sec-Fetch-Site", "same-origin"],
    ["Sec-Fetch-Mode", kind?.mode ?? "no-cors"],
    ["Sec-Fetch-Dest", kind?.destination ?? "empty"],
    ["Referer", `https://${host}/category/${index % 8}/items?page=${index % 5}`],
    ["Accept-Encoding", "gzip, deflate, br, zstd"],
    ["Accept-Language", "en-US,en;q=0.9,de;q=0.8"],
    ["Cookie", cookie(index % browsers)],
  ];
}

const KINDS = [
  { accept: "text/css,*/*;q=0.1", destination: "style", mode: "no-cors" },
  { accept: "*/*", destination: "script", mode: "no-cors" },
  {
    accept: "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    destination: "image",
    mode: "no-cors",
  },
  { accept: "*/*", destination: "empty", mode: "cors" },
] as const;

/** Cookies of one browser, which look like what analytics and sessions leave. */
function cookie(browser: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const session = Array.from({ length: 12 }, (_, part) => {
    const value = browser * 2_654_435_761 + (part + 1) ** 2 * 40_503;
    return hex(value % 2 ** 32, 8);
  }).join("");
  return `_ga=GA1.2.${
    1_000_000_000 + browser * 7_919
  }.1764000000; session=${session}; theme=dark; ` +
    `consent=analytics:1|ads:0; csrf=${hex(browser * 99_991, 16)}${"k".repeat(browser * 13 % 90)}`;
}
