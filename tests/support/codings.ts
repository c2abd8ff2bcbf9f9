import type { Transform } from "node:stream";
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  createZstdDecompress,
  gunzipSync,
  zstdDecompressSync,
} from "node:zlib";
import { type ConfiguredProxy, startConfigured } from "./configured_proxy.ts";

/** The content codings that the proxy makes. */
export const CODINGS = ["gzip", "br", "zstd"] as const;

export type Coding = (typeof CODINGS)[number];

/** The bytes of a body. @throws where they are not encoded like that, or cut short */
export function decode(coding: string, bytes: Uint8Array): Uint8Array {
  switch (coding) {
    case "gzip":
      return gunzipSync(bytes);
    case "br":
      return brotliDecompressSync(bytes);
    case "zstd":
      return zstdDecompressSync(bytes);
    default:
      throw new Error(`An unknown coding: ${coding}`);
  }
}

/** What decodes a body as it comes. */
export function decoder(coding: Coding): Transform {
  return { gzip: createGunzip, br: createBrotliDecompress, zstd: createZstdDecompress }[coding]();
}

/** A proxy that compresses what this server answers, but for what lies below `/plain`. */
export function startCompressing(
  address: string,
  { engine = "openssl", backend = {}, route = {}, settings = {} }: {
    readonly engine?: "openssl" | "deno";
    readonly backend?: Readonly<Record<string, unknown>>;
    readonly route?: Readonly<Record<string, unknown>>;
    readonly settings?: Readonly<Record<string, unknown>>;
  } = {},
): Promise<ConfiguredProxy> {
  return startConfigured({
    engine,
    backends: { site: { servers: [address], ...backend } },
    settings: {
      routes: [
        { paths: ["/plain"], backend: "site" },
        { backend: "site", compress: true, ...route },
      ],
      ...settings,
    },
  });
}
