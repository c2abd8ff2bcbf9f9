import { type FileStamp, type FileStamps, isSameStamp, stampOf } from "../io/file_stamp.ts";
import { Slices } from "../io/slices.ts";

/** How files are looked at, in milliseconds. */
export interface LookTimes {
  /** Between two looks at all of them; more where looking takes long, see `SHARE`. */
  readonly interval: number;
  /** Between two looks while a change is under way. */
  readonly settle: number;
  /** After which a change is told although the files go on changing. */
  readonly patience: number;
}

const TIMES: LookTimes = { interval: 1000, settle: 250, patience: 2000 };

/** The share of a core that looking may take. */
const SHARE = 1 / 125;

/**
 * Looks at files every second and tells when one of them is no longer what it was, through all
 * links on the way. Nothing is watched: notifications of a folder tell of everybody who uses it and
 * not of what a link leads to, and miss links that are made anew. A change is told once the files
 * stand still, as several are most often replaced together. What has changed is not looked at:
 * `onChange` reads all anew.
 *
 * Each look takes some 4 µs, and more for a process that was granted many single files: the runtime
 * goes through the list of them. So there is no look more often than the share allows.
 */
export class FileWatch implements Disposable {
  readonly #onChange: () => void;
  readonly #times: LookTimes;
  /** What was read, or told. */
  #known = new Map<string, FileStamp>();
  /** What is under way: paths with what they have come to, as of the last look. */
  #changing: FileStamps = new Map();
  #changingSince = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(onChange: () => void, times: LookTimes = TIMES) {
    this.#onChange = onChange;
    this.#times = times;
  }

  /**
   * Which files from now on.
   *
   * @param stamps as they stood before they were read; for those that are not in it what is known
   *   of them stays
   */
  watch(paths: readonly string[], stamps: FileStamps): void {
    this.#known = new Map(
      paths.map((path) => [path, stamps.get(path) ?? this.#known.get(path) ?? stampOf(path)]),
    );
    this.#changing = new Map();
    clearTimeout(this.#timer);
    this.#next(this.#times.interval);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #next(delay: number): void {
    if (this.#closed || this.#known.size === 0) return;
    this.#timer = setTimeout(() => void this.#look(), delay);
  }

  async #look(): Promise<void> {
    const known = this.#known;
    const found = await lookAt(known, () => this.#closed || this.#known !== known);
    // other files meanwhile, which have a timer of their own
    if (found === undefined) return;
    const { changed, busy } = found;
    const { interval, settle, patience } = this.#times;
    const now = performance.now();
    if (changed.size === 0) {
      this.#changing = changed;
      return this.#next(untilNextLook(interval, busy));
    }
    if (this.#changing.size === 0) this.#changingSince = now;
    if (!isSame(changed, this.#changing) && now - this.#changingSince < patience) {
      this.#changing = changed;
      return this.#next(Math.max(settle, busy));
    }
    for (const [path, stamp] of changed) known.set(path, stamp);
    this.#changing = new Map();
    this.#next(interval);
    this.#onChange();
  }
}

/**
 * How long to wait after a look so that looking takes no more than its share of a core.
 *
 * @param interval milliseconds, at least
 * @param busy milliseconds that the look took
 */
export function untilNextLook(interval: number, busy: number): number {
  return Math.max(interval, busy / SHARE);
}

interface Look {
  readonly changed: FileStamps;
  /** Milliseconds that it took. */
  readonly busy: number;
}

/** @returns undefined where it was broken off */
async function lookAt(known: FileStamps, isOver: () => boolean): Promise<Look | undefined> {
  const changed = new Map<string, FileStamp>();
  const slices = new Slices();
  for (const [path, before] of known) {
    const stamp = stampOf(path);
    if (!isSameStamp(before, stamp)) changed.set(path, stamp);
    if (slices.isOver) await slices.next();
    if (isOver()) return undefined;
  }
  return { changed, busy: slices.worked };
}

function isSame(a: FileStamps, b: FileStamps): boolean {
  return a.size === b.size && [...a].every(([path, stamp]) => {
    const other = b.get(path);
    return other !== undefined && isSameStamp(stamp, other);
  });
}
