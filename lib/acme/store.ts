import { createPrivateKey } from "node:crypto";
import { ProxyError } from "../core/errors.ts";
import { parseObject } from "../core/json_object.ts";
import { fileTrouble } from "../io/file_trouble.ts";
import { writeAll } from "../io/write_all.ts";
import type {
  Account,
  CertificateState,
  IssuedCertificate,
  Keeper,
  PlacedOrder,
} from "./keeper.ts";
import { folderName } from "./store_layout.ts";

/**
 * What is kept of ACME, in a folder that only its owner may read: a folder for each certificate with
 * `fullchain.pem`, `privkey.pem`, `state.json` and, while one is open, `order.json`, and `accounts/`
 * with a key for each CA. A file is written beside its place, synced, and renamed over it, so that it
 * is the old one or the new one.
 */
export class AcmeStore implements Keeper {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws {ProxyError} `bad_config` where it cannot be made, or has things open to others */
  async open(): Promise<void> {
    await this.#makeFolder(this.#folder);
    const { mode } = await Deno.stat(this.#folder);
    if (mode === null || (mode & 0o077) === 0) return;
    const isEmpty = Deno.readDirSync(this.#folder).next().done === true;
    // one with other things in it is somebody's, who knows what it is for
    if (isEmpty) await Deno.chmod(this.#folder, 0o700);
    else {
      throw new ProxyError(
        "bad_config",
        `The folder of keys ${this.#folder} is open to others; say: chmod 700 ${this.#folder}`,
      );
    }
  }

  /** @returns undefined where there is none for this CA */
  async account(directory: string): Promise<Account | undefined> {
    const text = await this.#read(accountFile(directory));
    return text === undefined ? undefined : parseAccount(text);
  }

  async saveAccount(directory: string, account: Account): Promise<void> {
    await this.#write([accountFile(directory), JSON.stringify(account)]);
  }

  /** @returns undefined where there is no whole one */
  async certificate(name: string): Promise<IssuedCertificate | undefined> {
    const own = folderName(name);
    const chain = await this.#read(`${own}/fullchain.pem`);
    const key = await this.#read(`${own}/privkey.pem`);
    return chain === undefined || key === undefined ? undefined : { chain, key };
  }

  /** The key goes first: whoever reads a pair that does not match reads it again a moment later. */
  async saveCertificate(name: string, { chain, key }: IssuedCertificate): Promise<void> {
    const own = folderName(name);
    await this.#write([`${own}/privkey.pem`, key], [`${own}/fullchain.pem`, chain]);
  }

  async state(name: string): Promise<CertificateState> {
    const text = await this.#read(`${folderName(name)}/state.json`);
    return (text === undefined ? undefined : parseState(text)) ?? NO_FAILURE;
  }

  async saveState(name: string, state: CertificateState): Promise<void> {
    await this.#write([`${folderName(name)}/state.json`, JSON.stringify(state)]);
  }

  async order(name: string): Promise<PlacedOrder | undefined> {
    const text = await this.#read(orderFile(name));
    return text === undefined ? undefined : parseOrder(text);
  }

  async saveOrder(name: string, order: PlacedOrder | undefined): Promise<void> {
    if (order !== undefined) return await this.#write([orderFile(name), JSON.stringify(order)]);
    try {
      await Deno.remove(`${this.#folder}/${orderFile(name)}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw cannotStore(this.#folder, error);
    }
  }

  /** Whoever has the folder is alone. */
  async exclusively(action: () => Promise<void>): Promise<boolean> {
    await action();
    return true;
  }

  async #read(path: string): Promise<string | undefined> {
    try {
      return await Deno.readTextFile(`${this.#folder}/${path}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw cannotStore(this.#folder, error);
    }
  }

  /** Files with what they are to hold: where one cannot be written all are as they were. */
  async #write(...files: readonly (readonly [path: string, text: string])[]): Promise<void> {
    try {
      for (const [path, text] of files) {
        const target = `${this.#folder}/${path}`;
        await this.#makeFolder(target.slice(0, target.lastIndexOf("/")));
        await writeSynced(`${target}.new`, text);
      }
      for (const [path] of files) {
        await Deno.rename(`${this.#folder}/${path}.new`, `${this.#folder}/${path}`);
      }
    } catch (error) {
      throw cannotStore(this.#folder, error);
    }
  }

  async #makeFolder(path: string): Promise<void> {
    try {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw cannotStore(this.#folder, error);
    }
  }
}

/** Of a certificate that no order was tried for, or whose last has gone well. */
export const NO_FAILURE: CertificateState = { failures: 0, notBefore: 0, reason: "" };

/** All of the text, or an error: of a single write a disk that is nearly full takes a part. */
async function writeSynced(path: string, text: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  await writeAll(file, new TextEncoder().encode(text));
  await file.sync();
}

function accountFile(directory: string): string {
  const url = new URL(directory);
  const path = url.pathname.replaceAll(/[^A-Za-z0-9]+/g, "_");
  return `accounts/${url.hostname}_${url.port || "443"}${path}.json`;
}

function orderFile(name: string): string {
  return `${folderName(name)}/order.json`;
}

/** @returns undefined where it is none */
export function parseOrder(text: string): PlacedOrder | undefined {
  const { directory, url, names, key } = parseObject(text) ?? {};
  if (typeof directory !== "string" || typeof url !== "string" || typeof key !== "string") return;
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) return;
  return { directory, url, names, key };
}

/** @returns undefined where it is none */
export function parseAccount(text: string): Account | undefined {
  const value = parseObject(text);
  if (typeof value?.key !== "string" || !isPrivateKey(value.key)) return undefined;
  return {
    key: value.key,
    url: typeof value.url === "string" ? value.url : undefined,
    ...(typeof value.email === "string" ? { email: value.email } : {}),
  };
}

function isPrivateKey(pem: string): boolean {
  try {
    createPrivateKey(pem);
    return true;
  } catch {
    return false;
  }
}

/** @returns undefined where it is none */
export function parseState(text: string): CertificateState | undefined {
  const value = parseObject(text);
  const { failures, notBefore, reason, of } = value ?? {};
  if (typeof failures !== "number" || typeof notBefore !== "number") return undefined;
  return {
    ...{ failures, notBefore },
    reason: typeof reason === "string" ? reason : "",
    ...(typeof of === "string" ? { of } : {}),
  };
}

/** @returns undefined where it is none */
export function parseCertificate(text: string): IssuedCertificate | undefined {
  const { chain, key } = parseObject(text) ?? {};
  return typeof chain === "string" && typeof key === "string" ? { chain, key } : undefined;
}

function cannotStore(folder: string, error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  const message = `Cannot keep certificates in ${folder}: ${fileTrouble(error)}`;
  return new ProxyError("bad_config", message, { cause: error });
}
